// Whatever scrolls sideways can be reached with the Tab key and fades out towards what is hidden; it is left alone
// when everything fits.
(() => {
  const boxes = "main .katex-display, main .katex-base.wide, main .highlight pre, main .output pre, "
    + "main .pst-scrollable-table-container, main div.cell_output, main div.text_html";
  const fade = box => {
    box.classList.toggle("more-left", box.tabIndex === 0 && box.scrollLeft > 1);
    box.classList.toggle("more-right", box.tabIndex === 0 && box.scrollLeft + box.clientWidth < box.scrollWidth - 1);
  };
  const mark = () => document.querySelectorAll(boxes).forEach(box => {
    const wide = box.scrollWidth > box.clientWidth && /auto|scroll/.test(getComputedStyle(box).overflowX);
    if (wide) box.tabIndex = 0;
    else if (box.tabIndex === 0) box.removeAttribute("tabindex");
    else return;
    fade(box);
  });
  document.addEventListener("scroll", event => { if (event.target.tabIndex === 0) fade(event.target); }, true);
  let waiting;
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(mark, 100); };
  // The page grows and shrinks when formulas are set, boxes are opened and the window is turned; formulas change
  // their width within it when their letters arrive.
  const main = document.querySelector("main");
  if (main) new ResizeObserver(soon).observe(main);
  addEventListener("resize", soon);
  document.fonts.addEventListener("loadingdone", soon);
  addEventListener("load", () => document.fonts.ready.then(soon));
})();
