target_link_libraries(headroom_datasets PRIVATE PkgConfig::UTF8PROC PkgConfig::TOMLPLUSPLUS)
