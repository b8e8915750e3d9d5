#!/usr/bin/env python3
"""report.html in a real browser: a headless Chromium.

    page_test.py BUILD_FOLDER [unittest options]

Pages are made of invented runs (invented_run.py) by write_report_page; what they show is compared with the numbers of the invention.
"""
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import unittest
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from kvcompare_runs import RunsTest

from chromium import Chromium, find_chromium
from invented_run import DENSITIES, METHODS, invented_run, with_evidence, with_failure, with_quality, with_worst_tokens

MOST_BYTES = 12 << 20
SECTIONS = ("results", "tradeoff", "equal-density", "differences", "positions", "heads", "samples", "overview", "glossary")
CHARTS = ("tradeoff", "positions", "heads", "samples")
SCRIPT = "<script>window.ran=1</script><img src=x onerror=window.ran=1>&lt;b&gt;</script><!--<script>\u2028\"'`${window.ran=1}"
PROGRAM = find_chromium()
HERE = "no chromium here; tests/install_packages.sh installs it"

# Shows every section, as a reader who scrolls to the end does.
SCROLL = """(async () => {
  for (const part of document.querySelectorAll("main > section")) {
    part.scrollIntoView({behavior: "instant"});
    for (let i = 0; i < 6; ++i) await new Promise(done => requestAnimationFrame(() => setTimeout(done, 10)));
  }
  scrollTo({top: 0, behavior: "instant"});
})()"""


def shown(value, decimals=4, plus=False):
    """As the page is to show a number."""
    size = abs(value)
    if size and (size < 10 ** (1 - decimals) or size >= 1e6):
        digits, exponent = f"{size:.1e}".split("e")
        text = f"{digits}e{int(exponent)}".replace("-", "−")
    else:
        text = f"{size:.{decimals}f}"
    return ("−" if value < 0 else "+" if plus and value > 0 else "") + text


def delta(value):
    return shown(value, plus=True)


def perplexity(value, plus=False):
    return shown(value, 4 if abs(value) < 10 else 3 if abs(value) < 100 else 2, plus)


def share(value):
    """Halves go up, as JavaScript's toFixed rounds them."""
    return f"{Decimal(100 * value).quantize(Decimal('0.1'), ROUND_HALF_UP)} %"


@unittest.skipIf(PROGRAM is None, HERE)
class PageTest(unittest.TestCase):
    build: Path  # folder of the programs

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.scratch.cleanup)
        cls.folder = Path(cls.scratch.name)
        cls.browser = Chromium(PROGRAM)
        cls.addClassCleanup(cls.browser.close)

    def page_of(self, name, *runs):
        files = []
        for i, run in enumerate(runs):
            files.append(self.folder / f"{name}{i}.json")
            files[-1].write_text(json.dumps(run))
        page = self.folder / f"{name}.html"
        subprocess.run([self.build / "write_report_page", page, *files], check=True)
        return page

    def show(self, page, width=1600, scheme="light"):
        self.browser.size(width, 900, phone=width < 600)
        self.browser.prefer(scheme)
        seconds = self.browser.open(page)
        self.browser.evaluate(SCROLL)
        return seconds

    def run_script(self, text):
        return self.browser.evaluate(text)

    def text(self, selector):
        return self.run_script(f"document.querySelector({json.dumps(selector)}).innerText")

    def table(self, selector, place=0):
        """Cells of the body, without what only screen readers are told."""
        return self.run_script(f"""[...[...document.querySelectorAll({json.dumps(selector)})].filter(one => one.closest("details") === null ||
            one.closest("details").open)[{place}].tBodies[0].rows].map(row => [...row.cells].map(cell => {{
              const copy = cell.cloneNode(true);
              for (const hidden of copy.querySelectorAll(".unseen, .tag")) hidden.remove();
              return copy.textContent.trim();
            }}))""")

    def assert_quiet(self, page):
        """Nothing was logged or thrown, and nothing asked for but the file itself."""
        self.assertEqual(self.browser.console, [])
        asked = [url for url in self.browser.requests if not url.startswith(("data:", "blob:"))]
        self.assertEqual(asked, [page.resolve().as_uri()])

    def choose(self, section, value):
        self.run_script(f"""(() => {{ const select = document.querySelector("#{section} select"); select.value = {json.dumps(value)};
            if (select.value !== {json.dumps(value)}) throw new Error("no option " + {json.dumps(value)});
            select.dispatchEvent(new Event("change")); }})()""")
        self.browser.settle()

    def switch(self, section, value):
        self.run_script(f"""document.querySelector('#{section} input[type=radio][value="{value}"]').click()""")
        self.browser.settle()

    def traces(self, section):
        """What plotly.js was given, as far as it is drawn as lines or points with a name."""
        return self.run_script(f"""document.querySelector("#{section} .plot").data.filter(one => one.name)
            .map(({{name, x, y, error_y: bars}}) => ({{name, x, y, high: bars && bars.array, low: bars && bars.arrayminus}}))""")


class Numbers(PageTest):
    """What is shown is what was measured."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        words = {str(i): f"First words of {i}" for i in range(40)}
        cls.invented = with_failure(invented_run(first_words=words, warnings=["two samples were cut"], truncated=[2, 77]), 14, 3, "NLL of token 9 is not finite")
        cls.methods = cls.invented["methods"]
        test = cls()
        cls.page = test.page_of("numbers", cls.invented)

    def runTest(self):
        pass

    def setUp(self):
        self.show(self.page)

    def tearDown(self):
        self.assert_quiet(self.page)

    def test_every_section_has_its_content(self):
        for section in SECTIONS:
            self.assertGreater(len(self.text(f"#{section} .body")), 80, section)
        for section in CHARTS:
            self.assertGreater(self.run_script(f"document.querySelectorAll('#{section} .plot .main-svg').length"), 0, section)
            self.assertGreater(self.run_script(f"document.querySelectorAll('#{section} table, #{section} details').length"), 0, section)
        headings = self.run_script("[...document.querySelectorAll('h1,h2,h3,h4')].map(one => Number(one.tagName[1]))")
        self.assertEqual(headings[0], 1)
        self.assertTrue(all(b <= a + 1 for a, b in zip(headings, headings[1:])) and headings.count(1) == 1, headings)
        self.assertEqual(self.run_script("[...document.querySelectorAll('table')].filter(one => !one.caption || !one.caption.textContent).length"), 0)

    def test_the_headline_table_has_the_numbers_of_the_run(self):
        rows = self.table("#results table")
        self.assertEqual(len(rows), len(self.methods))
        for place, (row, method) in enumerate(zip(rows, self.methods)):
            self.assertTrue(row[0].endswith(method["label"]), row[0])
            if "totals" not in method:
                self.assertEqual(row[1:8], ["–"] * 7)
                continue
            totals, against = method["totals"], self.invented["statistics"]["against_baseline"][place]
            self.assertEqual(row[1], perplexity(totals["perplexity"]))
            self.assertEqual(row[5:7], [share(totals["attended_density"]), share(totals["keys_kept"] / totals["keys_original"])])
            if place == 0:
                self.assertEqual(row[2:5], ["–"] * 3)
                continue
            low, high = against["avg_nll_delta_ci95"]
            self.assertEqual(row[3], f"{delta(against['avg_nll_delta'])} [{delta(low)}, {delta(high)}]")
            low, high = against["ppl_delta_ci95"]
            difference = totals["perplexity"] - self.methods[0]["totals"]["perplexity"]
            self.assertEqual(row[2], f"{perplexity(difference, True)} [{perplexity(low, True)}, {perplexity(high, True)}]")
            self.assertEqual(row[4], "< 0.0001" if against["p_value"] < 1e-4 else f"{against['p_value']:.4f}")
            mebibytes = totals["peak_cache_bytes"] / 2 ** 20
            self.assertTrue(row[7].endswith(" MiB") and abs(float(row[7][:-4]) - mebibytes) <= 0.005 * mebibytes, row[7])
            self.assertIn("of the keys, costs ", row[8])

    def test_a_number_that_there_is_not_says_why(self):
        reason = self.run_script("document.querySelector('#results tbody').rows[14].cells[1].title")
        self.assertIn("1 sample failed", reason)
        self.assertIn("NLL of token 9 is not finite", self.text("#notices"))
        self.assertIn("NLL of token 9 is not finite", self.text("#overview"))
        self.assertIn("two samples were cut", self.text("#notices"))

    def test_the_curves_are_those_of_the_run_whatever_is_switched(self):
        drawn = {method["label"]: (place, method) for place, method in enumerate(self.methods) if place and "totals" in method}
        base = self.methods[0]["totals"]["perplexity"]
        for cost in ("nll", "ppl"):
            for saving in ("attended_density", "kept_fraction", "peak_cache_bytes"):
                self.switch("tradeoff", cost)
                self.switch("tradeoff", saving)
                points = [(x, y, high, low) for trace in self.traces("tradeoff") if trace["name"] != "Baseline"
                          for x, y, high, low in zip(trace["x"], trace["y"], trace["high"], trace["low"])]
                expected = []
                for place, method in drawn.values():
                    totals, against = method["totals"], self.invented["statistics"]["against_baseline"][place]
                    x = {"attended_density": totals["attended_density"], "kept_fraction": totals["keys_kept"] / totals["keys_original"],
                         "peak_cache_bytes": totals["peak_cache_bytes"] / 2 ** 20}[saving]
                    y = against["avg_nll_delta"] if cost == "nll" else totals["perplexity"]
                    low, high = against["avg_nll_delta_ci95"] if cost == "nll" else [base + end for end in against["ppl_delta_ci95"]]
                    expected.append((x, y, high - y, y - low))
                self.assertEqual(len(points), len(expected))
                for ours, theirs in zip(sorted(points), sorted(expected)):
                    for a, b in zip(ours, theirs):
                        self.assertAlmostEqual(a, b, places=9)

    def test_methods_can_be_switched_off_and_a_logarithmic_scale_names_what_it_leaves_out(self):
        self.run_script("document.querySelector('#tradeoff .chip input').click()")
        self.assertNotIn("StreamingLLM", [trace["name"] for trace in self.traces("tradeoff")])
        self.run_script("document.querySelector('#tradeoff .chip input').click()")
        self.assertIn("StreamingLLM", [trace["name"] for trace in self.traces("tradeoff")])
        self.switch("tradeoff", "log")
        self.assertEqual(self.run_script("document.querySelector('#tradeoff .plot').layout.yaxis.type"), "log")
        self.assertTrue(all(y > 0 for trace in self.traces("tradeoff") for y in trace["y"]))
        self.assertIn("KVzap τ -6", self.text("#tradeoff .said"))

    def test_the_table_at_equal_density(self):
        rows = {row[0]: row[1:] for row in self.table("#equal-density table")}
        for entry in self.invented["statistics"]["equal_density"]:
            cell = rows[entry["label"]][DENSITIES.index(entry["density"])]
            if "avg_nll_delta" in entry:
                low, high = entry["ci95"]
                self.assertEqual(re.sub(r"\s+", " ", cell), f"{delta(entry['avg_nll_delta'])} [{delta(low)}, {delta(high)}]")
            else:
                self.assertEqual(cell, "–")
        self.assertIn("do not reach it", self.run_script("[...document.querySelectorAll('#equal-density td')].map(one => one.title).join()"))

    def test_pairs_are_told_from_the_chosen_side(self):
        for chosen in (2, 9):
            self.choose("differences", f"0:{chosen}")
            rows = {row[0]: row for row in self.table("#differences table")}
            pairs = [pair for pair in self.invented["statistics"]["differences"] if chosen in (pair["a"], pair["b"])]
            self.assertEqual(len(rows), len(pairs))
            for pair in pairs:
                sign = 1 if pair["a"] == chosen else -1
                row = rows[self.methods[pair["b"] if sign == 1 else pair["a"]]["label"]]
                low, high = sorted(sign * end for end in pair["ci95"])
                self.assertEqual(row[1], f"{delta(sign * pair['avg_nll_difference'])} [{delta(low)}, {delta(high)}]")
                different = pair["p_value"] < 0.05 and not low <= 0 <= high
                self.assertEqual(row[4], "not distinguishable" if not different else "costs more" if low > 0 else "costs less")

    def test_cost_by_position(self):
        self.choose("positions", "0:line:0")
        base = self.methods[0]["position"]
        traces = self.traces("positions")
        self.assertEqual([trace["name"] for trace in traces], [method["label"] for method in self.methods[1:5]])
        for trace, method in zip(traces, self.methods[1:5]):
            for bin, (x, y) in enumerate(zip(trace["x"], trace["y"], strict=True)):
                self.assertEqual(x, bin * base["bin_width"] + (base["bin_width"] - 1) / 2)
                self.assertAlmostEqual(y, (method["position"]["total_nll"][bin] - base["total_nll"][bin]) / base["n_scored"][bin], places=12)
        self.run_script("document.querySelector('#positions details').open = true")
        self.browser.settle()
        for row, tokens in zip(self.table("#positions table"), base["n_scored"], strict=True):
            self.assertEqual(row[1], f"{tokens:,}")

    def test_kept_keys_by_layer_and_head(self):
        self.choose("heads", "0:line:3")
        maps = self.run_script("document.querySelector('#heads .plot').data.map(one => one.z)")
        instances = [method for method in self.methods[13:17] if "totals" in method]
        self.assertEqual(len(maps), len(instances))
        for shares, method in zip(maps, instances):
            kept = [share for layer in shares for share in layer]
            each = method["totals"]["keys_original"] / 32
            for ours, theirs in zip(kept, method["kept_per_head"], strict=True):
                self.assertAlmostEqual(ours, theirs / each, places=12)
        self.assertIn("KVzap τ -6", self.text("#heads .body"))
        self.run_script("document.querySelector('#heads details').open = true")
        self.browser.settle()
        self.assertEqual([row[1:] for row in self.table("#heads table", 1)], [[share(one) for one in layer] for layer in maps[1]])

    def test_cost_by_sample(self):
        self.choose("samples", "0:line:3")
        rows = {int(row[0]): row for row in self.table("#samples table")}
        base = {index: nll for index, _, nll in self.methods[0]["per_sample"]}
        self.assertEqual(len(rows), 40)
        for column, method in enumerate(self.methods[13:17], 2):
            own = {index: nll for index, _, nll in method["per_sample"]}
            for index, n_scored, _ in self.methods[0]["per_sample"]:
                self.assertEqual(rows[index][1], f"{n_scored:,}")
                self.assertEqual(rows[index][column], delta((own[index] - base[index]) / n_scored) if index in own else "–")
                self.assertEqual(rows[index][6], f"First words of {index}")
        points = self.traces("samples")[0]
        self.assertEqual(points["x"], [n for _, n, _ in self.methods[0]["per_sample"]])
        self.switch("samples", "index")
        self.assertEqual(self.traces("samples")[0]["x"], list(range(40)))

    def test_tables_are_sorted_by_click_and_by_key_and_say_so(self):
        def column():
            return [float(row[1]) for row in self.table("#results table") if row[1] != "–"], self.table("#results table")[-1][1]
        head = "document.querySelectorAll('#results thead th')[1]"
        self.assertEqual(self.run_script(f"{head}.getAttribute('aria-sort')"), "none")
        self.run_script(f"{head}.querySelector('button').click()")
        numbers, last = column()
        self.assertEqual((numbers, last), (sorted(numbers), "–"))
        self.assertEqual(self.run_script(f"{head}.getAttribute('aria-sort')"), "ascending")
        self.run_script(f"{head}.querySelector('button').focus()")
        self.browser.press("Enter", 13, "\r")
        numbers, last = column()
        self.assertEqual((numbers, last), (sorted(numbers, reverse=True), "–"))
        self.assertEqual(self.run_script(f"{head}.getAttribute('aria-sort')"), "descending")

    def test_what_was_compared(self):
        text = self.text("#overview")
        for expected in ("models/SmolLM2-135M", "texts/longdocs.jsonl", "40 samples", "2 cut at 2,000 tokens (77 tokens not computed)",
                         f"{sum(n for _, n, _ in self.methods[0]['per_sample']):,} tokens", "after every token", "float32 on cpu", "node-7",
                         "12 Mar 2026, 14:05 UTC", "kvcompare 0.1.0", "libtorch 2.11.0", "kvcompare --model_name models/SmolLM2-135M --data_path", "--compression_ratio 0.25,0.5,0.75,0.9",
                         "kvcompare rerun comparison_results", "8 layers, 4 query heads and 4 KV heads"):
            self.assertIn(expected, text)

    def test_dark_and_light_by_the_system_and_by_choice(self):
        def background():
            return self.run_script("[getComputedStyle(document.body).backgroundColor, document.querySelector('#tradeoff .plot').layout.paper_bgcolor]")
        light = background()
        self.browser.prefer("dark")
        self.browser.settle()
        dark = background()
        self.assertTrue(all(a != b for a, b in zip(light, dark)))
        self.run_script("(() => { const s = document.getElementById('theme'); s.value = 'light'; s.dispatchEvent(new Event('change')); })()")
        self.assertEqual(background(), light)
        self.run_script("(() => { const s = document.getElementById('theme'); s.value = 'auto'; s.dispatchEvent(new Event('change')); })()")

    def test_nothing_is_wider_than_the_window(self):
        for width in (400, 1600):
            self.show(self.page, width)
            self.assertEqual(self.run_script("[document.documentElement.scrollWidth, document.body.scrollWidth]"), [width, width])
            self.assertEqual(self.run_script("[...document.querySelectorAll('.plot')].filter(one => one.scrollWidth > one.clientWidth + 1).length"), 0)

    def test_charts_are_saved_as_svg_and_png(self):
        target = self.folder / "saved"
        target.mkdir()
        self.browser.downloads_into(target)
        for section in CHARTS:
            for button in (0, 1):
                self.run_script(f"document.querySelectorAll('#{section} .tools button')[{button}].click()")
                self.browser.wait_for(f"document.querySelector('#{section} .tools [role=status]').textContent.endsWith('{('svg', 'png')[button]} is saved')", section)
        expected = {f"{name}.{kind}" for name in ("trade-off", "cost-by-position", "keys-kept-by-head", "cost-by-sample") for kind in ("svg", "png")}
        self.browser.wait_for_files(target, expected)
        for name in expected:
            data = (target / name).read_bytes()
            self.assertTrue(data.startswith(b"<svg" if name.endswith("svg") else b"\x89PNG"), name)
            self.assertGreater(len(data), 5000, name)
        picture = (target / "trade-off.svg").read_text()
        for label in ("StreamingLLM", "Random", "ExpectedAttention", "KVzap", "Baseline"):
            self.assertIn(f">{label}<", picture)

    def test_paper_has_all_charts_and_no_controls(self):
        self.browser.open(self.page)  # nothing is scrolled to: later charts are drawn for the paper
        self.browser.print_to(self.folder / "page.pdf")
        self.assertEqual(self.run_script("[...document.querySelectorAll('.plot')].filter(one => one.querySelector('.main-svg')).length"), len(CHARTS))
        self.browser.call("Emulation.setEmulatedMedia", media="print")
        self.assertEqual(self.run_script("[...document.querySelectorAll('.controls, .tools, .top')].filter(one => one.offsetHeight > 0).length"), 0)
        self.browser.prefer("light")

    def test_the_licence_of_the_library_is_kept(self):
        self.assertIn("Permission is hereby granted, free of charge", self.run_script("document.querySelector('footer').textContent"))


class Quality(PageTest):
    """Distributions, answers and the tokens that are predicted worst."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.invented = with_worst_tokens(with_quality(with_failure(invented_run(), 14, 3, "NLL of token 9 is not finite")))
        cls.methods = cls.invented["methods"]
        cls.page = cls().page_of("quality", cls.invented)

    def runTest(self):
        pass

    def setUp(self):
        self.show(self.page)

    def tearDown(self):
        self.assert_quiet(self.page)

    def n_tokens(self, method):
        return sum(row[1] for row in method["per_sample"])

    def test_the_headline_table_has_mean_kl_same_top1_and_answers(self):
        heads = self.run_script("[...document.querySelectorAll('#results thead th')].map(one => one.textContent)")
        self.assertEqual(heads[5:7], ["Mean KL", "Answers"])
        for row, method, intervals in zip(self.table("#results table"), self.methods, self.invented["statistics"]["quality"], strict=True):
            if "totals" not in method:
                self.assertEqual(row[5:7], ["–"] * 2)
                continue
            answers, n = method["quality"]["answers"], self.n_tokens(method)
            self.assertEqual(row[6], f"{answers['spans_exact']} of {answers['spans']}")
            if "divergence" not in method["quality"]:
                self.assertEqual(row[5], "–")
                continue
            sums = method["quality"]["divergence"]
            self.assertEqual(row[5], f"{shown(sums['kl'] / n)} same top-1 {share(sums['same_top1'] / n)}")
        self.assertIn("this is the baseline", self.run_script("document.querySelector('#results tbody').rows[0].cells[5].title"))

    def test_the_details_have_every_other_number(self):
        self.run_script("document.querySelector('#results details').open = true")
        self.browser.settle()
        rows = self.table("#results details table")
        self.assertEqual(len(rows), len(self.methods))
        for row, method in zip(rows, self.methods):
            if "totals" not in method or "divergence" not in method["quality"]:
                continue
            quality, n = method["quality"], self.n_tokens(method)
            sums = quality["divergence"]
            tokens = sorted(quality["kl_of_tokens"])
            for place, rank in ((2, 100), (3, 180), (4, 198), (5, 200)):  # nearest rank of 200 tokens
                exact = tokens[rank - 1]
                self.assertLessEqual(abs(float(row[place]) - exact), 0.004 * exact + 0.00005, (row, place))
            self.assertEqual(row[6], shown(tokens[-1]))
            intervals = self.invented["statistics"]["quality"][self.methods.index(method)]
            for place, text, name, show in ((1, shown(sums["kl"] / n), "mean_kl", shown), (7, share(sums["same_top1"] / n), "same_top1", share),
                                            (14, f"{quality['answers']['spans_exact']} of 40", "answers", share)):
                self.assertEqual(row[place], f"{text} [{show(intervals[name][0])}, {show(intervals[name][1])}]")
            self.assertEqual(row[8], share(sums["acceptance"] / n))
            self.assertEqual(row[10], f"{100 * math.sqrt(sums['delta_p_squared'] / n):.2f} %")
            self.assertEqual(row[11:13], [f"{100 * sums[name] / n:.2f} %" for name in ("above_1", "above_3")])
            self.assertTrue(row[13].startswith(share(quality["answers"]["greedy_hits"] / n)), row[13])

    def test_mean_kl_and_answers_can_be_drawn_against_memory(self):
        drawn = [(method, intervals) for method, intervals in zip(self.methods, self.invented["statistics"]["quality"])
                 if "totals" in method and method["name"] != "baseline"]
        for cost in ("kl", "answers"):
            self.switch("tradeoff", cost)
            points = sorted((x, y, high, low) for trace in self.traces("tradeoff") if trace["name"] != "Baseline"
                            for x, y, high, low in zip(trace["x"], trace["y"], trace["high"], trace["low"]))
            expected = []
            for method, intervals in drawn:
                if cost == "kl":
                    y, (low, high) = method["quality"]["divergence"]["kl"] / self.n_tokens(method), intervals["mean_kl"]
                else:
                    answers = method["quality"]["answers"]
                    y, (high, low) = 1 - answers["spans_exact"] / answers["spans"], [1 - end for end in intervals["answers"]]
                expected.append((method["totals"]["attended_density"], y, high - y, y - low))
            self.assertEqual(len(points), len(expected))
            for ours, theirs in zip(points, sorted(expected)):
                for a, b in zip(ours, theirs):
                    self.assertAlmostEqual(a, b, places=9)
        hover = self.run_script("document.querySelector('#tradeoff .plot').data.find(one => one.mode === 'lines+markers').text[0]")
        self.assertIn("mean KL", hover)
        self.assertIn("<br>answers ", hover)

    def test_the_tokens_that_are_predicted_worst_stand_in_their_text(self):
        for place in (1, 7):
            self.choose("tokens", f"0:{place}")
            for row, token in zip(self.table("#tokens table"), self.invented["worst_tokens"][place], strict=True):
                self.assertEqual(row, [f"{token['sample']} @ {token['position']}", delta(token["nll"] - token["nll_baseline"]), shown(token["nll"]),
                                       shown(token["nll_baseline"]), shown(token["kl"]), token["before"] + token["token"] + token["after"]])
            marked = self.run_script("[...document.querySelectorAll('#tokens mark')].map(one => one.textContent)")
            self.assertEqual(marked, [token["token"] for token in self.invented["worst_tokens"][place]])
        self.assertIn("Tokens", self.text("#contents"))

    def test_a_page_without_such_numbers_has_no_place_for_them(self):
        page = self.page_of("without", invented_run())
        self.show(page)
        self.assertNotIn("Mean KL", self.text("#results thead"))
        self.assertEqual(self.run_script("document.querySelectorAll('#tokens, #results details').length"), 0)
        self.assertEqual(self.run_script("[...document.querySelectorAll('#tradeoff input[type=radio]')].map(one => one.value).slice(0, 3)"),
                         ["nll", "ppl", "attended_density"])
        self.show(self.page)

    def test_nothing_is_wider_than_the_window(self):
        for width in (400, 1600):
            self.show(self.page, width)
            self.assertEqual(self.run_script("[document.documentElement.scrollWidth, document.body.scrollWidth]"), [width, width])

    def test_texts_are_shown_and_never_run(self):
        page = self.page_of("markup", with_worst_tokens(with_quality(invented_run(n_samples=9)), text=SCRIPT))
        self.show(page)
        self.assertIsNone(self.run_script("window.ran"))
        self.assertEqual(self.run_script("document.querySelector('#tokens mark').textContent"), SCRIPT + "0")
        self.assert_quiet(page)
        self.show(self.page)


class Evidence(PageTest):
    """How much of the evidence of answers is kept, in the tables of the page."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.invented = with_worst_tokens(with_evidence(invented_run()))
        for token in cls.invented["worst_tokens"][1][::2]:
            token["evidence_kept"] = 0.25
        cls.page = cls().page_of("evidence", cls.invented)

    def runTest(self):
        pass

    def setUp(self):
        self.show(self.page)

    def tearDown(self):
        self.assert_quiet(self.page)

    def test_the_headline_table_has_a_column(self):
        heads = self.run_script("[...document.querySelectorAll('#results thead th')].map(one => one.textContent)")
        self.assertEqual(heads[5:8], ["Mean KL", "Answers", "Evidence kept"])
        for row, method in zip(self.table("#results table"), self.invented["methods"], strict=True):
            self.assertEqual(row[7], share(method["evidence"]["keys_kept"] / method["evidence"]["keys"]))

    def test_the_details_tell_exact_from_missed_ranges(self):
        self.run_script("document.querySelector('#results details').open = true")
        self.browser.settle()
        for row, method, intervals in zip(self.table("#results details table"), self.invented["methods"], self.invented["statistics"]["quality"], strict=True):
            counts, (low, high) = method["evidence"], intervals["evidence_kept"]
            n_missed, keys_missed = counts["spans"] - counts["spans_exact"], counts["keys"] - counts["keys_exact"]
            self.assertEqual(row[15:], [f"{share(counts['keys_kept'] / counts['keys'])} [{share(low)}, {share(high)}]",
                                        share(counts["keys_kept_exact"] / counts["keys_exact"]) if counts["keys_exact"] else "–",
                                        share((counts["keys_kept"] - counts["keys_kept_exact"]) / keys_missed) if keys_missed else "–",
                                        str(counts["spans_missed_evicted"]), str(n_missed - counts["spans_missed_evicted"])])

    def test_tokens_say_it_of_their_range(self):
        self.choose("tokens", "0:1")
        for row, token in zip(self.table("#tokens table"), self.invented["worst_tokens"][1], strict=True):
            self.assertEqual(row[5], share(token["evidence_kept"]) if "evidence_kept" in token else "–")
        self.choose("tokens", "0:2")
        self.assertEqual(len(self.table("#tokens table")[0]), 6, "no range of these tokens has evidence")

    def test_nothing_is_wider_than_the_window(self):
        for width in (400, 1600):
            self.show(self.page, width)
            self.assertEqual(self.run_script("[document.documentElement.scrollWidth, document.body.scrollWidth]"), [width, width])


class Strangers(PageTest):
    """What comes from outside is shown, never run."""

    def test_scripts_in_every_text_stand_there_as_text(self):
        run = invented_run(n_samples=9, folder="out/" + SCRIPT, model_name="m/" + SCRIPT, data_path="d/" + SCRIPT, fingerprint=SCRIPT,
                           processor=SCRIPT, warnings=[SCRIPT], bad_lines=[[4, SCRIPT]], first_words={str(i): SCRIPT for i in range(9)},
                           scorers={SCRIPT: SCRIPT}, inputs={"model": SCRIPT, "tokenizer": SCRIPT, "data": SCRIPT})
        for method in run["methods"][1:]:
            method["label"] += SCRIPT
            method["display_name"] += SCRIPT
        for session in run["sessions"]:
            session.update(host=SCRIPT, kvcompare_version=SCRIPT, command_line=[SCRIPT, "it's"])
        for entry in run["statistics"]["equal_density"]:
            entry["label"] += SCRIPT
            entry["reason"] = SCRIPT
        run = with_failure(run, 7, 2, SCRIPT)
        page = self.page_of("strangers", run, {**run, "folder": "other"})
        for width in (400, 1600):
            self.show(page, width)
            for section in ("differences", "positions", "heads", "samples"):
                self.run_script(f"for (const one of document.querySelectorAll('#{section} details')) one.open = true")
            self.browser.settle()
            self.assertIsNone(self.run_script("window.ran"))
            self.assertEqual(self.run_script("document.querySelectorAll('main img, main script, main a[href^=java], .plot img').length"), 0)
            self.assertEqual(self.run_script("[document.documentElement.scrollWidth]"), [width])
            for section in ("notices", "results", "equal-density", "differences", "samples", "overview"):
                shown_text = self.run_script(f"document.getElementById('{section}').textContent")
                self.assertIn(SCRIPT, shown_text, section)
            drawn = self.run_script("[...document.querySelectorAll('#positions .plot text')].map(one => one.textContent).join('\\n')")
            self.assertIn("<script>", drawn)
            self.assertIn("it'\\''s'", self.run_script("document.querySelector('#overview').textContent").replace("'it'", "it'"))
            self.assert_quiet(page)

    def test_charts_show_tags_and_entities_as_they_are(self):
        odd = ("<b>a</b>", "<a href='x:y'>b</a>", "c&lt;d&amp;", "<br>e<sub>2</sub>")
        run = invented_run(n_samples=9, ratios=(0.5, 0.9), first_words={str(i): odd[1] for i in range(9)}, folder=odd[0])
        for method in run["methods"][1:]:
            method["display_name"] = method["label"] = dict(zip(("streaming_llm", "random", "expected_attention", "kvzap"), odd))[method["name"]]
        page = self.page_of("odd", run, {**run, "folder": odd[2]})
        self.show(page)
        for section in CHARTS:
            texts = self.run_script(f"[...document.querySelectorAll('#{section} .plot text')].map(one => one.textContent)")
            for text in (odd[0], odd[2]) if section == "tradeoff" else odd:
                self.assertIn(text, texts, section)
        self.assertEqual(self.run_script("document.querySelectorAll('.plot a, .plot [style*=bold]').length"), 0)
        for trace in self.run_script("document.querySelector('#samples .plot').data.map(one => one.text[0])"):
            self.assertNotIn("<a", trace)
        self.assert_quiet(page)

    def test_the_data_cannot_end_its_script(self):
        page = self.page_of("ends", invented_run(n_samples=2, warnings=[SCRIPT], data_path=SCRIPT))
        data = page.read_text().split('<script type="application/json" id="data">')[1].split("</script>")[0]
        self.assertFalse(set("<>&\u2028\u2029") & set(data))
        self.assertEqual(json.loads(data)["runs"][0]["data_path"], SCRIPT)


class Shapes(PageTest):
    """Runs that have less than others, and several on one page."""

    def test_few_samples_give_no_interval_and_the_page_says_why(self):
        page = self.page_of("few", invented_run(n_samples=3))
        self.show(page)
        self.assertEqual(self.table("#results table")[1][4], "–")
        self.assertIn("3 samples are too few", self.run_script("document.querySelector('#results').textContent"))
        self.assertIn("too few samples", self.text("#differences"))
        self.assert_quiet(page)

    def test_single_settings_and_a_run_without_statistics(self):
        for name, run in (("single", invented_run(ratios=(0.5,))), ("bare", invented_run(ratios=(0.5,), with_statistics=False)),
                          ("nothing", invented_run(methods=())), ("one", invented_run(methods=(("random", "Random"),), ratios=(0.5,)))):
            page = self.page_of(name, run)
            self.show(page)
            self.assertEqual(len(self.table("#results table")), len(run["methods"]))
            for section in SECTIONS:
                self.assertGreater(len(self.text(f"#{section} .body")), 20, (name, section))
            self.assert_quiet(page)

    def test_a_failed_baseline_leaves_nothing_to_compare_with(self):
        run = with_failure(invented_run(with_statistics=False), 0, 1, "out of memory")
        page = self.page_of("baseline", run)
        self.show(page)
        self.assertIn("of the baseline 1 sample failed", self.run_script("document.querySelector('#results').textContent"))
        self.assertIn("Not drawn", self.text("#tradeoff"))
        self.assert_quiet(page)

    def test_a_perplexity_that_overflows(self):
        run = invented_run()
        run["methods"][4]["totals"]["perplexity"] = None
        run["statistics"]["against_baseline"][4]["ppl_delta_ci95"] = None
        page = self.page_of("overflow", run)
        self.show(page)
        self.assertEqual(self.table("#results table")[4][1:3], ["–", "–"])
        self.assertIn("larger than a float64", self.run_script("document.querySelector('#results tbody').rows[4].cells[1].title"))
        self.assert_quiet(page)

    def test_several_runs_stand_side_by_side_and_what_cannot_be_compared_is_said(self):
        first = invented_run(folder="results/a")
        same = invented_run(seed=3, folder="results/b", model_name="models/other", inputs={**first["inputs"], "model": "9" * 64})
        other = invented_run(seed=4, folder="results/c", data_path="texts/x.jsonl", chunk_size=128, max_length=1000, dtype="bfloat16", n_samples=12,
                             inputs={"model": "9" * 64, "tokenizer": "8" * 64, "data": "7" * 64})
        page = self.page_of("several", first, same, other)
        self.show(page)
        notices = self.text("#notices")
        for word in ("Not the same model", "Not the same data", "Not the same tokenizer", "Not the same chunk_size: results/a (1) = results/b ≠ results/c (128)",
                     "Not the same max_length", "Not the same dtype", "never subtracted"):
            self.assertIn(word, notices)
        names = [trace["name"] for trace in self.traces("tradeoff")]
        self.assertEqual(names.count("StreamingLLM"), 3)
        self.assertEqual(self.run_script("document.querySelector('#tradeoff .plot').layout.annotations.map(one => one.text)"), ["results/a", "results/b", "results/c"])
        self.assertEqual(len(self.table("#results table")), 51)
        self.choose("samples", "2:density:0.5")
        self.assertEqual(len(self.table("#samples table")), 12)
        self.assert_quiet(page)
        page = self.page_of("alike", first, {**first, "folder": "results/again"})
        self.show(page)
        self.assertNotIn("Not the same", self.text("#notices"))

    def test_a_method_looks_the_same_in_every_run_of_a_page(self):
        fewer = invented_run(folder="results/fewer", methods=METHODS[:0:-1])
        page = self.page_of("colours", fewer, invented_run(folder="results/all"))
        self.show(page)
        drawn = self.run_script("""document.querySelector("#tradeoff .plot").data.filter(one => one.mode === "lines+markers")
            .map(one => [one.name, one.line.color, one.marker.symbol])""")
        self.assertEqual(len(drawn), 2 * len(METHODS) - 1)
        self.assertEqual(len({tuple(look) for look in drawn}), len(METHODS))
        signs = self.run_script("""[...document.querySelectorAll("#results tbody tr")].map(row => row.cells[0].querySelector(".swatch"))
            .map(swatch => [swatch.parentElement.textContent.replace(swatch.textContent, "").trim().split(" ")[0], swatch.style.color, swatch.textContent])""")
        self.assertEqual(len({tuple(look) for look in signs}), len(METHODS) + 1)


class Large(PageTest):
    """Two hundred instances on five hundred samples."""

    def test_it_opens_and_is_not_too_large(self):
        run = invented_run(n_samples=500, sinks=tuple(range(0, 40, 4)), ratios=(0.1, 0.25, 0.5, 0.75, 0.9), n_layers=32, n_kv_heads=8, longest=8192,
                           first_words={str(i): f"Sample {i}, whose first words are so many that a line is full of them and more" for i in range(500)})
        self.assertEqual(len(run["methods"]), 201)
        page = self.page_of("large", run)
        self.browser.size(1600)
        seconds = min(self.browser.open(page) for _ in range(3))
        self.assertEqual(len(self.table("#results table")), 201)
        self.browser.evaluate(SCROLL)
        self.assert_quiet(page)
        size = page.stat().st_size
        print(f"report.html of 200 instances x 500 samples: {size / 2 ** 20:.1f} MiB, opens in {seconds:.2f} s", file=sys.stderr)
        self.assertLess(size, MOST_BYTES)
        self.assertLess(seconds, 60)  # what it takes is printed; this is only for a page that hangs


class Folder(PageTest):
    """The page that the program leaves in an output folder, beside its JSON."""

    def test_its_numbers_are_those_of_the_summary(self):
        class Run(RunsTest):
            def runTest(self):
                pass
        Run.build = self.build
        Run.setUpClass()
        self.addCleanup(Run.doClassCleanups)
        run = Run()
        run.run_once("out", "--compression_ratio", "0.25,0.5,0.75", methods="random,streaming_llm", timeout=300)
        page, summary = run.out("out") / "report.html", json.loads((run.out("out") / "comparison_summary.json").read_text())
        self.show(page)
        rows = self.table("#results table")
        self.assertEqual(len(rows), 7)
        self.assertEqual(rows[0][1], perplexity(summary["baseline_perplexity"]))
        for row, result in zip(rows[1:], summary["results"], strict=True):
            self.assertTrue(row[0].endswith(result["label"]), (row[0], result["label"]))
            self.assertEqual(row[1], perplexity(result["perplexity"]))
            self.assertEqual(row[6:8], [share(result["attended_density"]), share(result["kept_fraction"])])
            low, high = result["avg_nll_delta_ci95"]
            self.assertEqual(row[3], f"{delta(result['avg_nll_delta'])} [{delta(low)}, {delta(high)}]")
        for entry in summary["equal_density"]:
            if entry["avg_nll_delta"] is not None:
                self.assertIn(delta(entry["avg_nll_delta"]), self.text("#equal-density"))
        for section in SECTIONS:
            self.assertGreater(len(self.text(f"#{section} .body")), 80, section)
        for section in CHARTS:
            self.assertGreater(self.run_script(f"document.querySelectorAll('#{section} .plot .main-svg').length"), 0, section)
        self.assert_quiet(page)


if __name__ == "__main__":
    PageTest.build = Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
