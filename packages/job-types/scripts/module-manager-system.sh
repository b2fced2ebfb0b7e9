# Whatever Jupyter is installed.
prepare() {
  jupyter_directory=
}
