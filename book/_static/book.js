/* What the theme leaves without a name, with a role of the past, or out of reach of the keyboard. */
window.addEventListener("load", () => {
  for (const arrow of document.querySelectorAll("summary:has(> .toctree-toggle)")) {
    const chapter = arrow.closest("li").querySelector("a").textContent.trim();
    arrow.setAttribute("aria-label", `pages of ${chapter}`);
  }
  for (const entry of document.querySelectorAll(".citation-list > .citation")) {
    entry.setAttribute("role", "listitem");
  }
  for (const holder of document.querySelectorAll("article div:has(> table)")) {
    if (holder.scrollWidth > holder.clientWidth) holder.tabIndex = 0;
  }
});

/* The search shows the sentences in which a word stands. By itself it takes the first place where
   the word occurs, which is a list of headings or a line of code. */
const SENTENCES = "p, figcaption, dd";

document.addEventListener("DOMContentLoaded", () => {
  if (typeof Search === "undefined") return;
  Search.htmlToText = (source, anchor) => {
    const article = new DOMParser().parseFromString(source, "text/html").querySelector("article");
    article?.querySelectorAll(".headerlink, summary").forEach((aside) => aside.remove());
    const part = (anchor && article?.querySelector(anchor)) || article;
    const found = [...(part?.querySelectorAll(SENTENCES) ?? [])];
    const outermost = found.filter((one) => !one.parentElement.closest(SENTENCES));
    return outermost.map((one) => one.textContent).join(" ");
  };
});
