package harness

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// LayOut writes the configurations of an example, all files of files, into dir. Each of these ports, where they name it at 127.0.0.1, is
// replaced by a free one, and so are those of Envoy and Weir; the result has them by what they replace.
func LayOut(dir string, files fs.FS, ports ...int) (map[int]int, error) {
	free := map[int]int{}
	var replace []string
	for _, port := range append(ports, PortListener, PortAdmin, PortWeir) {
		to, err := FreePort()
		if err != nil {
			return nil, err
		}
		free[port] = to
		replace = append(replace, Loopback(port), Loopback(to))
	}
	names, err := fs.Glob(files, "*")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.NewReplacer(replace...).Replace(string(text))), 0o600); err != nil {
			return nil, err
		}
	}
	return free, nil
}

// Loopback returns 127.0.0.1:port.
func Loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// WaitHTTP returns once the URL answers, whatever it says; with an error where the process or ctx ends before, which also ends the process.
func (p *Process) WaitHTTP(ctx context.Context, url string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		x := Exchange{Method: http.MethodGet, URL: url, Timeout: 5 * time.Second}
		if x.Do().Status != 0 {
			return nil
		}
		var err error
		select {
		case <-tick.C:
			continue
		case <-p.Done():
			err = fmt.Errorf("%s ended:\n%s", p.Name, p.Log)
		case <-ctx.Done():
			err = fmt.Errorf("%s does not answer: %w\n%s", p.Name, ctx.Err(), p.Log)
		}
		p.Kill()
		return err
	}
}
