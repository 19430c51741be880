package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"heliograph/access"
	"heliograph/fleet"
)

// importLog is a store that creates whatever it is given, and breaks after some calls.
type importLog struct {
	batches []int
	dry     []bool
	breaks  int // after so many calls; 0 = never
	told    int // how often much was stored
}

func (l *importLog) Analyze(context.Context) error {
	l.told++
	return nil
}

var errBroken = errors.New("the disk is full")

func (l *importLog) ImportRows(_ context.Context, _ access.Scope, rows []fleet.ImportRow, dry map[fleet.UserID]fleet.User) ([]fleet.Effect, error) {
	if l.breaks > 0 && len(l.batches) == l.breaks {
		return nil, errBroken
	}
	l.batches, l.dry = append(l.batches, len(rows)), append(l.dry, dry != nil)
	return slices.Repeat([]fleet.Effect{fleet.Created}, len(rows)), nil
}

// manyRows is a file of n rows, every hundredth of which is bad.
func manyRows(n int) string {
	var b strings.Builder
	b.WriteString("id,managed\n")
	for i := range n {
		managed := "1"
		if i%100 == 99 {
			managed = "perhaps"
		}
		fmt.Fprintf(&b, "d-%d,%s\n", i, managed)
	}
	return b.String()
}

func TestImportCommitsAThousandRowsAtATime(t *testing.T) {
	l := &importLog{}
	var told []int
	report, err := ImportDevices(t.Context(), l, access.Everything, strings.NewReader(manyRows(2500)), fleet.CSV, false,
		func(r fleet.ImportReport) { told = append(told, r.Rows) })
	if err != nil || !slices.Equal(l.batches, []int{990, 990, 495}) || !slices.Equal(told, []int{1000, 2000, 2500}) {
		t.Errorf("batches %v, told %v, %v", l.batches, told, err)
	}
	if report.Rows != 2500 || report.Created != 2475 || report.Rejected != 25 || len(report.Errors) != 25 || report.Errors[24].Line != 2501 {
		t.Errorf("report %+v", report)
	}
}

func TestImportTellsOfMuch(t *testing.T) {
	for rows, want := range map[int]int{5000: 0, 12_000: 1} {
		l := &importLog{}
		if _, err := ImportDevices(t.Context(), l, access.Everything, strings.NewReader(manyRows(rows)), fleet.CSV, false, nil); err != nil || l.told != want {
			t.Errorf("%d rows: told %d times, %v", rows, l.told, err)
		}
	}
}

func TestImportDryRun(t *testing.T) {
	l := &importLog{}
	if _, err := ImportDevices(t.Context(), l, access.Everything, strings.NewReader("id\na\n"), fleet.CSV, true, nil); err != nil || !slices.Equal(l.dry, []bool{true}) {
		t.Errorf("dry %v, %v", l.dry, err)
	}
}

func TestImportSaysWhatWasCommittedBeforeAnError(t *testing.T) {
	report, err := ImportDevices(t.Context(), &importLog{breaks: 1}, access.Everything, strings.NewReader(manyRows(2500)), fleet.CSV, false, nil)
	if !errors.Is(err, errBroken) || report.Rows != 1000 || report.Created != 990 {
		t.Errorf("report %+v, %v", report, err)
	}
}

func TestImportReadsNothingOfAFileWithAnUnknownColumn(t *testing.T) {
	l := &importLog{}
	report, err := ImportDevices(t.Context(), l, access.Everything, strings.NewReader("id,colour\na,red\n"), fleet.CSV, false, nil)
	if !errors.As(err, new(*fleet.Invalid)) || report.Rows != 0 || l.batches != nil {
		t.Errorf("report %+v, batches %v, %v", report, l.batches, err)
	}
}
