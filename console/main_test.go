package console

import (
	"os"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	patience = time.Minute // a busy machine is no reason to show a page without its figures
	os.Exit(m.Run())
}
