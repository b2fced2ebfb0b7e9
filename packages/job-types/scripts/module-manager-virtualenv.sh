# A virtual environment with packages, made once per workspace.
prepare() {
  use_environment
  install_packages || fail 1 "The packages of the environment $UWS_ENVIRONMENT_NAME could not be installed."
  . "$environment/bin/activate"
  jupyter_directory=$environment/bin/
}

build_environment() {
  make_virtual_environment "$UWS_PYTHON" && install_packages
}
