cd "$UWS_JOB_DIRECTORY" || exit 1
echo 'Hello World' >"LocalTest_${UWS_JOB_ID}_output.log" || exit 1
exec sleep 10
