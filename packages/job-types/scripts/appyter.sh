# Runs the Appyter image over the workspace.
. "$UWS_JOB_DIRECTORY/session.sh"
begin_session
command -v apptainer >/dev/null || fail 127 "apptainer is not installed here, and Appyter jobs need it."
[ -r "$UWS_SIF_FILE" ] || fail 66 "The image $UWS_SIF_FILE does not exist or cannot be read."

# Apptainer hands on its own environment; APPTAINERENV_ does so too where the operator's configuration cleans it.
export APPYTER_DATA_DIR="$UWS_WORKSPACE" APPTAINERENV_APPYTER_DATA_DIR="$UWS_WORKSPACE"
export APPYTER_PORT="$port" APPTAINERENV_APPYTER_PORT="$port"
[ -z "$base_path" ] || export APPYTER_PREFIX="$base_path/" APPTAINERENV_APPYTER_PREFIX="$base_path/"
report /
exec apptainer run --writable-tmpfs "$UWS_SIF_FILE"
