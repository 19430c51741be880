package exchange

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// guid is a 16-byte identifier.
type guid [16]byte

// guidOf is always the same for the same name, so that a mailbox has one.
func guidOf(name string) guid {
	sum := sha256.Sum256([]byte(name))
	return guid(sum[:16])
}

// ticks are what .NET counts: 100 ns since the year 1.
func ticks(t time.Time) uint64 {
	const toUnix = 62_135_596_800
	return uint64(t.Unix()+toUnix)*10_000_000 + uint64(t.Nanosecond()/100)
}

// subscriptionID has the layout of Exchange 2013 CU and later: the server's name, an id, the time, the mailbox.
func subscriptionID(server string, id guid, created time.Time, mailbox guid) string {
	raw := binary.LittleEndian.AppendUint16(nil, uint16(len(server)))
	raw = append(raw, server...)
	raw = append(binary.LittleEndian.AppendUint32(raw, 16), id[:]...)
	raw = binary.LittleEndian.AppendUint64(raw, ticks(created))
	raw = append(binary.LittleEndian.AppendUint32(raw, 16), mailbox[:]...)
	return base64.StdEncoding.EncodeToString(raw)
}

// watermark has the 29 bytes of Exchange 2010 and later.
func watermark(database guid, n uint64) string {
	raw := binary.LittleEndian.AppendUint32(nil, 1)
	raw = append(raw, database[:]...)
	raw = append(binary.LittleEndian.AppendUint64(raw, n), 1)
	return base64.StdEncoding.EncodeToString(raw)
}

// entryID is the id of a folder or an item, which names its mailbox as real ones do.
func entryID(mailbox guid, name string) string {
	content := sha256.Sum256([]byte(name))
	raw := append([]byte{0, 1, 0}, mailbox[:]...)
	return base64.StdEncoding.EncodeToString(append(raw, content[:]...))
}

func changeKey(n uint64) string {
	return base64.StdEncoding.EncodeToString(binary.LittleEndian.AppendUint64([]byte("CQAAABYAAAC"), n))
}
