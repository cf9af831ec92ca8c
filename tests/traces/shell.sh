# What the golden trace of a program on Linux records: a pipeline, a signal with a handler, a child that is killed, a
# failing command, time to sleep.
trap 'echo caught' USR1
kill -USR1 $$
ls /dev/null | cat
sleep 10 &
kill -TERM $!
wait $!
sleep 0.02
(exit 3)
