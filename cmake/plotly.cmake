# Finds plotly_folder, which holds plotly.min.js and LICENSE.txt: that which launch/setup.sh unpacks into KVCOMPARE_DEPS,
# else share/plotly of a folder of CMAKE_PREFIX_PATH (tests/gpu/make_package_folder.sh).
set(kvcompare_plotly_wheel 7.1.0)  # also in launch/scripts/setup_wheels.sh
find_path(plotly_folder plotly.min.js HINTS ${KVCOMPARE_DEPS}/plotly-${kvcompare_plotly_wheel}
  PATH_SUFFIXES share/plotly NO_CACHE)
if(NOT plotly_folder OR NOT EXISTS ${plotly_folder}/LICENSE.txt)
  message(FATAL_ERROR "No plotly.js, which draws the charts of report.html: there is no plotly.min.js with its LICENSE.txt in "
    "${KVCOMPARE_DEPS}/plotly-${kvcompare_plotly_wheel}. Run launch/setup.sh, which fetches it (the wheel plotly "
    "${kvcompare_plotly_wheel} of the Python package index), or name with -DKVCOMPARE_DEPS=FOLDER where it was fetched to.")
endif()
