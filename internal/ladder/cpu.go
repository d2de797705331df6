package ladder

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of the times in /proc, on every Linux that Go runs on.
const clockTick = time.Second / 100

// cpuTime returns how much processor time a process has used, false where the
// system does not tell. Source: proc(5), fields utime and stime of stat.
func cpuTime(pid int) (time.Duration, bool) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false
	}
	_, after, ok := strings.Cut(string(text), ") ") // the name may hold anything but this
	fields := strings.Fields(after)
	const utime, stime = 11, 12
	if !ok || len(fields) <= stime {
		return 0, false
	}
	user, err1 := strconv.ParseInt(fields[utime], 10, 64)
	system, err2 := strconv.ParseInt(fields[stime], 10, 64)
	return time.Duration(user+system) * clockTick, err1 == nil && err2 == nil
}
