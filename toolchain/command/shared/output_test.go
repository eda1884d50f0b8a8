package shared

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

func write(t *testing.T, to io.Writer, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := io.WriteString(to, text); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOutputShowsLinesAsTheyComeAndKeepsStreamsApart(t *testing.T) {
	var shown []string
	output := NewOutput(func(line string) { shown = append(shown, line) })
	stdout, stderr := output.Stdout(true), output.Stderr(false)
	write(t, stdout, "a", "b\nc")
	if want := []string{"ab"}; !reflect.DeepEqual(shown, want) {
		t.Errorf("shown so far: %q, want %q", shown, want)
	}
	write(t, stderr, "aside\n")
	write(t, stdout, "d\n\nlast")
	gotOut, gotErr := output.Captured()
	if gotOut != "ab\ncd\n\nlast" || gotErr != "aside" {
		t.Errorf("captured %q and %q", gotOut, gotErr)
	}
	if want := []string{"ab", "cd", "", "last"}; !reflect.DeepEqual(shown, want) {
		t.Errorf("shown: %q, want %q", shown, want)
	}
	failure := output.Failure(errors.New("status 1"), `say "x"`).Error()
	if want := "status 1: running \"say \\\"x\\\"\":\nab\ncaside\nd\n\nlast"; failure != want {
		t.Errorf("failure: %q, want %q", failure, want)
	}
}

func TestOutputTakesLinesOfAnyLength(t *testing.T) {
	lengths := []int{}
	output := NewOutput(func(line string) { lengths = append(lengths, len(line)) })
	write(t, output.Stdout(true), strings.Repeat("x", 1<<20), "\n")
	if want := []int{1 << 20}; !reflect.DeepEqual(lengths, want) {
		t.Errorf("lengths of the lines shown: %v", lengths)
	}
}

func TestOutputDropsOneClosingNewlineOnly(t *testing.T) {
	output := NewOutput(func(string) {})
	write(t, output.Stdout(false), "a\n\n")
	if stdout, _ := output.Captured(); stdout != "a\n" {
		t.Errorf("captured %q", stdout)
	}
}

func TestStreams(t *testing.T) {
	for logging, want := range map[string][2]bool{
		"stdout": {true, false}, "stderr": {false, true},
		"stdoutAndStderr": {true, true}, "none": {false, false},
	} {
		if stdout, stderr := Streams(logging, true); [2]bool{stdout, stderr} != want {
			t.Errorf("%s: %v and %v", logging, stdout, stderr)
		}
	}
	if stdout, stderr := Streams("", false); !stdout || !stderr {
		t.Error("unset does not show both")
	}
}
