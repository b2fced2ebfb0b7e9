# Environments that are made once per workspace; sourced, POSIX sh.

# use_environment: sets $environment to the directory of the environment $UWS_ENVIRONMENT_NAME; calls build_environment where it is missing.
#
# It is built at its final place, since virtual environments hold their own path, and becomes visible under its name, by a link, only when it is
# complete. So a half-made one is never used, and of two jobs that build at once the first wins.
use_environment() {
  environments=$UWS_WORKSPACE/.environments
  visible=$environments/$UWS_ENVIRONMENT_NAME
  mkdir -p "$environments" || fail 1 "The directory $environments could not be made."
  if [ ! -d "$visible" ]; then
    remove_left_over_builds
    own=.$UWS_ENVIRONMENT_NAME-$UWS_JOB_ID
    environment=$environments/$own
    rm -rf "$environment"
    trap 'rm -rf "$environment"' EXIT
    trap 'exit 143' TERM INT HUP
    mkdir "$environment" || fail 1 "The directory $environment could not be made."
    printf 'Preparing the environment %s; this happens once per workspace.\n' "$UWS_ENVIRONMENT_NAME" >&2
    build_environment || fail 1 "The environment $UWS_ENVIRONMENT_NAME could not be prepared; the lines above say why."
    : >"$environment/.complete"
    trap - EXIT TERM INT HUP
    # Only a link that leads nowhere is replaced: one that another job has just made must stay.
    ln -sn "$own" "$visible" 2>/dev/null || [ -e "$visible" ] || ln -sfn "$own" "$visible"
    [ "$(readlink "$visible")" = "$own" ] || rm -rf "$environment"
  fi
  environment=$(cd -P "$visible" && pwd -P) || fail 1 "The environment $visible cannot be entered."
}

# What a job left that was killed while it built. A day old: no build lasts that long.
remove_left_over_builds() {
  for left_over in "$environments"/.*-*; do
    [ -d "$left_over" ] && [ ! -e "$left_over/.complete" ] || continue
    [ -n "$(find "$left_over" -maxdepth 0 -mtime +1)" ] && rm -rf "$left_over"
  done
  return 0
}

# make_virtual_environment PYTHON: fills $environment. -I: no module of the workspace is imported.
make_virtual_environment() {
  if "$1" -I -c 'import venv, ensurepip' 2>/dev/null; then
    "$1" -I -m venv "$environment"
  elif command -v virtualenv >/dev/null; then
    virtualenv --quiet --python "$1" "$environment"
  elif command -v "$1" >/dev/null; then
    fail 127 "$1 has no venv module and there is no virtualenv. Install one of them (Debian: apt-get install python3-venv)."
  else
    fail 127 "$1 is not installed, and the configuration of this job type asks for it (python_version)."
  fi
}

# install_packages: brings $UWS_PYTHON_PACKAGES, one per line, into $environment, unless exactly these were installed before.
install_packages() {
  [ "$(cat "$environment/.python-packages" 2>/dev/null)" = "$UWS_PYTHON_PACKAGES" ] && return 0
  set --
  while IFS= read -r package; do
    [ -n "$package" ] && set -- "$@" "$package"
  done <<END_OF_PACKAGES
$UWS_PYTHON_PACKAGES
END_OF_PACKAGES
  if [ $# -gt 0 ]; then
    "$environment/bin/pip" install --quiet --no-input --disable-pip-version-check "$@" >&2 || return 1
  fi
  printf '%s\n' "$UWS_PYTHON_PACKAGES" >"$environment/.python-packages"
}
