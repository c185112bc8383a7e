// Whatever scrolls sideways can be reached with the Tab key, and is left alone when everything fits.
(() => {
  const boxes = "main .math, main mjx-container, main div.cell_output";
  const mark = () => document.querySelectorAll(boxes).forEach(box => {
    const wide = box.scrollWidth > box.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(box).overflowX);
    if (wide) box.tabIndex = 0;
    else if (box.tabIndex === 0) box.removeAttribute("tabindex");
  });
  const ready = () => window.MathJax?.startup?.promise ?? Promise.resolve();
  addEventListener("load", () => ready().then(mark));
  let waiting;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(mark, 200); });
})();
