package toolchain

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// How often the elapsed time is shown: in place on a terminal, as a new line elsewhere.
const (
	terminalInterval = time.Second
	logInterval      = 30 * time.Second
)

// progress shows what is being built and for how long.
type progress struct {
	to       io.Writer
	terminal bool
}

func newProgress(to io.Writer) progress {
	file, ok := to.(*os.File)
	return progress{to: to, terminal: ok && term.IsTerminal(int(file.Fd()))}
}

func (p progress) say(format string, args ...any) {
	// Nothing sensible can be done about a progress line that cannot be written.
	_, _ = fmt.Fprintf(p.to, format+"\n", args...)
}

// step shows text and the elapsed time until the returned function is called with the outcome.
func (p progress) step(text string) (done func(err error)) {
	interval, start, end := logInterval, "", "\n"
	if p.terminal {
		// Back to the first column, and clear the line.
		interval, start, end = terminalInterval, "\r\x1b[K", ""
	}
	began := time.Now()
	show := func(mark, end string) {
		_, _ = fmt.Fprintf(p.to, "%s%s %s %s%s", start, text, mark, clock(time.Since(began)), end)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	show("…", end)
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				show("…", end)
			}
		}
	}()
	return func(err error) {
		close(stop)
		<-stopped
		if err != nil {
			show("failed after", "\n")
			return
		}
		show("done in", "\n")
	}
}

// clock renders a duration as minutes and seconds: "12:03".
func clock(d time.Duration) string {
	seconds := int(d.Seconds())
	return fmt.Sprintf("%02d:%02d", seconds/60, seconds%60)
}
