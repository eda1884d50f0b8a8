package shared

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Output gathers what a command writes: each stream apart for the resource's outputs, both
// together, in the order of arrival, for the text of an error. Streams that are to be shown are
// handed on line by line while the command runs.
type Output struct {
	mu       sync.Mutex
	stdout   bytes.Buffer
	stderr   bytes.Buffer
	together bytes.Buffer
	show     func(line string)
	partial  [2]bytes.Buffer
}

// NewOutput returns an empty Output; show receives each complete line that is to be shown.
func NewOutput(show func(line string)) *Output { return &Output{show: show} }

// Stdout returns where the command's standard output is to be written; shown says whether its
// lines are shown as they come.
func (o *Output) Stdout(shown bool) io.Writer { return &stream{o, &o.stdout, &o.partial[0], shown} }

// Stderr is Stdout's counterpart for standard error.
func (o *Output) Stderr(shown bool) io.Writer { return &stream{o, &o.stderr, &o.partial[1], shown} }

// Captured shows what is left of an unfinished last line and returns both streams, each without
// one closing newline, as the released plugin does.
func (o *Output) Captured() (stdout, stderr string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.partial {
		if o.partial[i].Len() > 0 {
			o.show(o.partial[i].String())
			o.partial[i].Reset()
		}
	}
	return strings.TrimSuffix(o.stdout.String(), "\n"), strings.TrimSuffix(o.stderr.String(), "\n")
}

// Failure wraps the error of a command that did not succeed in the released plugin's words: the
// exit status, the quoted command, and all that it wrote. Standard input is never part of it.
func (o *Output) Failure(err error, command string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return fmt.Errorf("%w: running %q:\n%s", err, command, o.together.String())
}

type stream struct {
	output  *Output
	whole   *bytes.Buffer
	partial *bytes.Buffer
	shown   bool
}

// Write never fails and takes lines of any length: a reader that stops would stop the command.
func (s *stream) Write(p []byte) (int, error) {
	s.output.mu.Lock()
	defer s.output.mu.Unlock()
	s.whole.Write(p)
	s.output.together.Write(p)
	if !s.shown {
		return len(p), nil
	}
	s.partial.Write(p)
	for {
		end := bytes.IndexByte(s.partial.Bytes(), '\n')
		if end < 0 {
			return len(p), nil
		}
		s.output.show(string(s.partial.Next(end)))
		s.partial.Next(1)
	}
}
