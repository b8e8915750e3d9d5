// The files from which report.html is made, as the build found them; embedded_files.S.in defines them.
#pragma once

#include <string_view>

extern "C" {
extern const char kvcompare_page_html[], kvcompare_page_html_end[];
extern const char kvcompare_page_css[], kvcompare_page_css_end[];
extern const char kvcompare_page_script[], kvcompare_page_script_end[];
extern const char kvcompare_page_plotly[], kvcompare_page_plotly_end[];
extern const char kvcompare_page_licence[], kvcompare_page_licence_end[];
}

namespace kvcompare {

struct EmbeddedFiles {
  std::string_view html{kvcompare_page_html, kvcompare_page_html_end};  // with a placeholder for each of the
                                                                        // others
  std::string_view css{kvcompare_page_css, kvcompare_page_css_end};
  std::string_view script{kvcompare_page_script, kvcompare_page_script_end};  // web/*.js in their order of
                                                                              // loading
  std::string_view plotly{kvcompare_page_plotly, kvcompare_page_plotly_end};
  std::string_view licence{kvcompare_page_licence, kvcompare_page_licence_end};  // the licence of plotly.js
};

}  // namespace kvcompare
