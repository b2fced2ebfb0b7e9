# A packed conda environment, unpacked once per workspace.
prepare() {
  use_environment
  . "$environment/bin/activate" || fail 1 "The packed environment $UWS_TAR_FILE has no working bin/activate."
  jupyter_directory=$environment/bin/
}

build_environment() {
  [ -r "$UWS_TAR_FILE" ] || fail 66 "The packed environment $UWS_TAR_FILE does not exist or cannot be read."
  tar -xf "$UWS_TAR_FILE" -C "$environment" || return 1
  [ -e "$environment/bin/activate" ] || fail 65 "The archive $UWS_TAR_FILE is not a packed environment: it has no bin/activate."
  [ ! -x "$environment/bin/conda-unpack" ] || (. "$environment/bin/activate" && "$environment/bin/conda-unpack")
}
