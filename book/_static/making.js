// A link to folded code unfolds it; not every browser does so by itself.
document.addEventListener("click", (event) => {
  const link = event.target.closest('.making a[href^="#"]');
  const code = link && document.getElementById(link.hash.slice(1));
  code?.closest("details")?.setAttribute("open", "");
});
