"""The long experiments behind the report card. Nothing in lgl_core knows of them."""
