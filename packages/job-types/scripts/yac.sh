# Runs the YAC image with its settings from the job directory.
. "$UWS_JOB_DIRECTORY/session.sh"
begin_session
command -v apptainer >/dev/null || fail 127 "apptainer is not installed here, and YAC jobs need it."
[ -r "$UWS_SIF_FILE" ] || fail 66 "The image $UWS_SIF_FILE does not exist or cannot be read."
case $UWS_JOB_DIRECTORY in
  *[:,]*) fail 65 "The path $UWS_JOB_DIRECTORY holds a colon or a comma, which apptainer takes for its own." ;;
esac
mkdir "$UWS_JOB_DIRECTORY/build" || fail 1 "The directory $UWS_JOB_DIRECTORY/build could not be made."

export YAC_PORT="$port" APPTAINERENV_YAC_PORT="$port"
report /
exec apptainer run --writable-tmpfs \
  --bind "$UWS_JOB_DIRECTORY/build:/app/dist" --bind "$UWS_JOB_DIRECTORY/.env:/app/.env" "$UWS_SIF_FILE"
