// Numbers as people read them. Every function takes null for a number that there is not.
const ABSENT = "–";
const MINUS = "−";

const signed = (text, value, plus) => (value < 0 ? MINUS : plus && value > 0 ? "+" : "") + text;

// Digits of the absolute value: `decimals` of them, scientific where those would show less than two digits that count,
// or too many.
function magnitude(value, decimals) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 10 ** (1 - decimals) || size >= 1e6)) {
    const [digits, exponent] = size.toExponential(1).split("e");
    return `${digits}e${exponent.replace("+", "").replace("-", MINUS)}`;
  }
  return size.toFixed(decimals);
}

const plainNumber = (value, decimals = 4) => value === null ? ABSENT : signed(magnitude(value, decimals), value, false);
const deltaNumber = (value, decimals = 4) => value === null ? ABSENT : signed(magnitude(value, decimals), value, true);
// Perplexities have fewer decimals the larger they are.
const perplexityDecimals = value => value === null || Math.abs(value) < 10 ? 4 : Math.abs(value) < 100 ? 3 : 2;
const perplexityText = value => plainNumber(value, perplexityDecimals(value));
const perplexityDelta = value => deltaNumber(value, perplexityDecimals(value));
const endsText = (interval, show) => interval === null ? ABSENT : `[${show(interval[0])}, ${show(interval[1])}]`;
const shareText = (value, decimals = 1) => value === null ? ABSENT : `${(100 * value).toFixed(decimals)} %`;
const probability = value => value === null ? ABSENT : value < 0.0001 ? "< 0.0001" : value.toFixed(4);
const wholeNumber = value => value === null ? ABSENT : value.toLocaleString("en-US");

function bytesText(value) {
  if (value === null) return ABSENT;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit + 1 < units.length) { value /= 1024; ++unit; }
  return `${unit === 0 ? value : value.toPrecision(value >= 1000 ? 4 : 3)} ${units[unit]}`;
}

const counted = (n, noun) => `${wholeNumber(n)} ${noun}${n === 1 ? "" : "s"}`;
const listed = words => words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;

// "12 Mar 2026, 14:05 UTC" of "2026-03-12T14:05:09Z".
function dateText(utc) {
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const [, year, month, day, time] = /^(\d+)-(\d+)-(\d+)T(\d+:\d+)/.exec(utc);
  return `${Number(day)} ${months[month - 1]} ${year}, ${time} UTC`;
}

function durationText(seconds) {
  if (seconds < 60) return `${seconds.toPrecision(2)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
