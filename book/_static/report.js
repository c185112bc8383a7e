// "Report an error" names the section that is being read.
document.addEventListener("click", event => {
  const link = event.target.closest(".report a");
  if (!link || !/\/issues\/new\?/.test(link.href)) return;
  const heads = [...document.querySelectorAll("article section[id] > :is(h2, h3)")];
  const head = heads.filter(e => e.getBoundingClientRect().top < innerHeight / 2).pop();
  if (!head) return;
  const url = new URL(link.href), name = head.textContent.replace(/#$/, "").trim();
  const where = `${name} (#${head.parentElement.id})`;
  url.searchParams.set("body", url.searchParams.get("body").replace(/^Section: .*$/m, () => `Section: ${where}`));
  link.href = url;
}, true);
