//go:build !unix

package doctor

import "errors"

func room(string) (free, size uint64, err error) {
	return 0, 0, errors.New("the space on the disk is not examined on this system")
}
