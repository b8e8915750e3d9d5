// Elements of the page. Text from outside becomes text nodes and attribute values, never markup.

// element("p", {class: "note"}, "text", child, ...); an attribute that is null or false is left out.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter(child => child !== null));
  return made;
}

const sectionBody = id => document.querySelector(`#${id} > .body`);
const hasSection = id => document.getElementById(id) !== null;

function removeSection(id) {
  document.getElementById(id).remove();
}

const note = (text, kind = "") => element("p", {class: `note ${kind}`.trim()}, text);

// A <select> with a label. options: [{value, text, group}], group "" or absent for none.
function labelledSelect(label, options, chosen, onchange) {
  const select = element("select", {onchange: () => onchange(select.value)});
  let group = null;
  for (const option of options) {
    const made = element("option", {value: option.value, selected: option.value === chosen}, option.text);
    if (!option.group) { select.append(made); continue; }
    if (group === null || group.label !== option.group) {
      group = element("optgroup", {label: option.group});
      select.append(group);
    }
    group.append(made);
  }
  return element("label", {class: "field"}, element("span", {}, label), select);
}

let radioGroups = 0;

// A switch between a few values: [[value, text], ...].
function radioSwitch(legend, values, chosen, onchange) {
  const name = `switch-${++radioGroups}`;
  const buttons = values.map(([value, text]) => element("label", {},
    element("input", {type: "radio", name, value, checked: value === chosen, onchange: () => onchange(value)}),
    element("span", {}, text)));
  return element("fieldset", {class: "switch"}, element("legend", {}, legend), element("div", {}, buttons));
}

// Something folded away, whose content is made when it is first opened.
function folded(summary, make) {
  const content = element("div", {class: "folded"});
  const details = element("details", {ontoggle: () => {
    if (details.open && !content.hasChildNodes()) content.append(make());
  }}, element("summary", {}, summary), content);
  details.renew = () => { content.replaceChildren(...(details.open ? [make()] : [])); };
  return details;
}
