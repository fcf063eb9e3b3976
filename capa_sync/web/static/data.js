/* For the pages of the views: Datasette's own two scripts of these pages stand in their markup, which our policy blocks. */
"use strict";
window.DATASETTE_ALLOW_FACET = true; // table.js reads it when a column's menu opens
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
