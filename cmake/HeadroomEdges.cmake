# The table of parts and the edges between them (ARCHITECTURE.md).
set(HEADROOM_PARTS base memory images text http scoring datasets worker backends run report engine models)

set(HEADROOM_EDGES_base "")
set(HEADROOM_EDGES_memory base)
set(HEADROOM_EDGES_images base)
set(HEADROOM_EDGES_text base)
set(HEADROOM_EDGES_http base)
set(HEADROOM_EDGES_scoring base)
set(HEADROOM_EDGES_datasets base images scoring)
set(HEADROOM_EDGES_worker base memory)
set(HEADROOM_EDGES_backends base memory images http worker)
set(HEADROOM_EDGES_run base memory images datasets scoring worker backends)
set(HEADROOM_EDGES_report base memory datasets scoring backends run)
set(HEADROOM_EDGES_engine base memory)
set(HEADROOM_EDGES_models base memory images text engine)
# The programs.
set(HEADROOM_EDGES_headroom base memory images datasets scoring worker backends run report)
set(HEADROOM_EDGES_worker_mlx base memory images text worker engine models)
