# Starts JupyterLab, Jupyter Notebook (6 or 7) or Jupyter Server, whichever is found first.
. "$UWS_JOB_DIRECTORY/session.sh"
[ ! -r "$UWS_JOB_DIRECTORY/environment.sh" ] || . "$UWS_JOB_DIRECTORY/environment.sh"
. "$UWS_JOB_DIRECTORY/module-manager.sh"
begin_session
prepare

# answers PROGRAM...: sets $major to the first number of its version.
answers() {
  major=$("$@" --version 2>/dev/null) || return 1
  major=${major##*
}
  major=${major%%.*}
  case $major in
    '' | *[!0-9]*) return 1 ;;
  esac
}

flavour=
for candidate in lab notebook server; do
  case ${UWS_JUPYTER_COMMAND:-} in
    '') set -- "${jupyter_directory}jupyter-$candidate" ;;
    */jupyter-lab | */jupyter-notebook | */jupyter-server)
      [ "${UWS_JUPYTER_COMMAND##*/}" = "jupyter-$candidate" ] || continue
      set -- "$UWS_JUPYTER_COMMAND"
      ;;
    *) set -- "$UWS_JUPYTER_COMMAND" "$candidate" ;;
  esac
  if answers "$@"; then
    flavour=$candidate
    break
  fi
done
[ -n "$flavour" ] || fail 127 "No Jupyter was found in ${UWS_JUPYTER_COMMAND:-${jupyter_directory:-PATH ($PATH)}}: neither JupyterLab nor Notebook nor Jupyter Server answers. Install one (pip install jupyterlab; Debian: apt-get install jupyter-notebook)."

# JupyterLab before 3 and Notebook before 7 are applications of the old notebook server.
app=ServerApp directory_option=root_dir start_page=/
case $flavour in
  lab)
    start_page=/lab
    [ "$major" -ge 3 ] || app=NotebookApp
    ;;
  notebook)
    if [ "$major" -lt 7 ]; then
      app=NotebookApp
      # For the extension in the job directory that opens the addresses which portals make.
      export PYTHONPATH="$UWS_JOB_DIRECTORY${PYTHONPATH:+:$PYTHONPATH}"
      export JUPYTER_CONFIG_PATH="$UWS_JOB_DIRECTORY${JUPYTER_CONFIG_PATH:+:$JUPYTER_CONFIG_PATH}"
    fi
    ;;
esac
[ "$app" = ServerApp ] || directory_option=notebook_dir

report "$start_page"
# The token is in JUPYTER_TOKEN: arguments can be read by everybody on the machine.
exec "$@" --no-browser --port="$port" --port-retries=0 \
  --"$app".ip="$listen_address" \
  --"$app".base_url="$base_path/" \
  --"$app".password= \
  --"$app".allow_remote_access=True \
  --"$app".trust_xheaders=True \
  --"$app"."$directory_option"="$UWS_WORKSPACE" \
  --ContentsManager.allow_hidden=False
