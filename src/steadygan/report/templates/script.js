// Samples through time: without this script all sheets stand in a row to scroll through.
for (const film of document.querySelectorAll("[data-film]")) {
  const frames = [...film.querySelectorAll("figure")];
  if (frames.length < 2) continue; // nothing to play
  const [range, play] = ["input", "button"].map((tag) => film.querySelector(tag));
  let timer = 0;
  const show = (i) => {
    frames.forEach((frame, k) => frame.toggleAttribute("hidden", k !== i));
    range.value = i;
    range.setAttribute("aria-valuetext", frames[i].dataset.label);
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  };
  range.addEventListener("input", () => {
    stop();
    show(range.valueAsNumber);
  });
  play.addEventListener("click", () => {
    if (timer) return stop();
    let i = range.valueAsNumber === frames.length - 1 ? 0 : range.valueAsNumber;
    play.textContent = "Stop";
    show(i);
    timer = setInterval(() => (i + 1 < frames.length ? show(++i) : stop()), 450);
  });
  film.classList.add("live");
  show(frames.length - 1);
}
