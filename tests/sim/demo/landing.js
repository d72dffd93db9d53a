// Draws /state: both sites, the people in them, and what Jira stores about each.
import { follow, life, print, verdict } from "./property.js";

const notice = document.getElementById("notice");
const drawn = new Map();

function element(kind, key, parent) {
  if (!drawn.has(key)) {
    const copy = document.getElementById(kind).content.cloneNode(true).firstElementChild;
    parent.append(copy);
    drawn.set(key, copy);
  }
  return drawn.get(key);
}

function drawSite(site) {
  const section = element("site", site.name, document.getElementById("sites"));
  section.querySelector("h2").textContent = site.title;
  section.querySelector(".host").textContent = new URL(site.url).host;
  for (const radio of section.querySelectorAll(".theme input")) {
    radio.name = `theme-${site.name}`;
    if (!section.dataset.switching) radio.checked = radio.value === site.theme;
    radio.onchange = async () => {
      section.dataset.switching = "yes";
      await fetch(`/theme/${site.name}/${radio.value}`, { method: "POST" }).catch(stopped);
      delete section.dataset.switching;
    };
  }
  section.querySelector(".door span").textContent = `The app was installed by ${site.door}.`;
  const move = section.querySelector(".door button");
  move.hidden = site.door !== "Connect";
  move.onclick = () => moveToForge(move, site);
  for (const person of site.people) drawPerson(section, site, person);
}

function drawPerson(section, site, person) {
  const article = element("person", `${site.name} ${person.account}`, section);
  const part = (selector) => article.querySelector(selector);
  part(".avatar").textContent = person.name.split(" ").map((word) => word[0]).join("");
  part("h3").textContent = person.name;
  part("small").textContent = person.role;
  part("form").action = `${site.url}/login`;
  part("[name=account]").value = person.account;
  part("form button").setAttribute("aria-label", `Open an issue of ${site.title} as ${person.name}`);

  const [words, kind] = verdict(person);
  part(".lozenge").textContent = words;
  part(".lozenge").className = `lozenge ${kind}`;
  const { property } = person;
  part(".key").hidden = !property;
  part(".none").hidden = Boolean(property);
  if (!property) return;
  const { share, words: left } = life(person);
  part(".who").textContent = `${property.displayName} at ${property.service}`;
  part(".left").textContent = left;
  part("progress").value = share;
  part("progress").classList.toggle("bad", !person.keyWorks);
  part(".caption").textContent = person.keyWorks
    ? `User property "${propertyKey}"; Acme Drive accepts its key now.`
    : `User property "${propertyKey}"; Acme Drive refuses its key.`;
  print(part("pre"), property);
  const generation = part(".generation");
  const was = generation.textContent;
  generation.textContent = property.generation;
  if (was && was !== generation.textContent) {
    generation.classList.remove("fresh");
    void generation.offsetWidth; // begins the animation anew
    generation.classList.add("fresh");
  }
}

async function moveToForge(button, site) {
  button.disabled = true;
  try {
    const answer = await fetch("/move", { method: "POST" });
    if (!answer.ok) return tell(await answer.text(), true);
    tell(`${site.title} comes by Forge now, and the app of Connect is gone from it. Nobody has to connect again: watch the next renewal.`);
  } catch {
    stopped();
  } finally {
    button.disabled = false;
  }
}

let propertyKey = "";

function draw(state) {
  ({ propertyKey } = state);
  if (notice.classList.contains("lost")) tell("");
  document.getElementById("account").href = state.serviceUrl;
  state.sites.forEach(drawSite);
}

function tell(words, bad = false) {
  notice.textContent = words;
  notice.hidden = !words;
  notice.classList.toggle("bad", bad);
  notice.classList.remove("lost");
}

function stopped() {
  tell("The demo does not answer. It was stopped, or another one was started: cargo run --example demo prints its address.", true);
  notice.classList.add("lost");
}

document.getElementById("reset").addEventListener("submit", (event) => {
  const [button] = event.target.elements;
  button.disabled = true;
  button.textContent = "Resetting…";
});

if (new URLSearchParams(location.search).has("reset")) {
  tell("Everything is back at the beginning: nobody is connected, and nobody is signed in.");
  history.replaceState(null, "", "/");
}

follow("/state", draw, stopped);
