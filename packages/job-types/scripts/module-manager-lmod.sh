# Modules of lmod; with packages also an environment, made once per workspace by conda where a module brings it. Bash.
prepare() {
  find_lmod
  while IFS= read -r module_name; do
    [ -z "$module_name" ] || module load "$module_name" </dev/null ||
      fail 1 "The module $module_name could not be loaded; MODULEPATH is ${MODULEPATH:-empty}."
  done <<END_OF_MODULES
$UWS_MODULES
END_OF_MODULES
  jupyter_directory=
  [ -n "$UWS_PYTHON_PACKAGES" ] || return 0
  use_environment
  install_packages || fail 1 "The packages of the environment $UWS_ENVIRONMENT_NAME could not be installed."
  activate_environment
  jupyter_directory=$environment/bin/
}

find_lmod() {
  for start in '' /etc/profile.d/lmod.sh /etc/profile.d/z00_lmod.sh /etc/profile.d/modules.sh "${LMOD_PKG:-}/init/bash" \
    /usr/share/lmod/lmod/init/bash /usr/local/lmod/lmod/init/bash /opt/apps/lmod/lmod/init/bash; do
    [ -z "$start" ] || [ ! -r "$start" ] || . "$start" >/dev/null 2>&1
    [ "$(type -t module)" = function ] && return 0
  done
  fail 127 "lmod is not installed here, and the configuration of this job type asks for its modules (Debian: apt-get install lmod)."
}

build_environment() {
  if [ -n "$(type -P conda)" ]; then
    # Conda fills only a directory that it made itself, or an empty one.
    conda create --yes --quiet --prefix "$environment" "$UWS_CONDA_PYTHON" pip >&2 && install_packages
  else
    make_virtual_environment "$UWS_PYTHON" && install_packages
  fi
}

activate_environment() {
  if [ -d "$environment/conda-meta" ]; then
    . "$(conda info --base)/etc/profile.d/conda.sh" && conda activate "$environment" ||
      fail 1 "The conda environment $environment could not be activated."
  else
    . "$environment/bin/activate"
  fi
}
