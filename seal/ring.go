package seal

import (
	"slices"
	"sync/atomic"
)

// KeyID names a key without telling anything about it. A sealing key's are 8 hexadecimal digits, those before each value
// that it sealed; an index key's are 16, the fingerprint of the key file.
type KeyID string

// Keys seals and opens. It is safe for concurrent use.
type Keys struct{ ring atomic.Pointer[ring] }

// ring is all keys, the oldest first, and which of them are in use. It never changes: another one takes its place.
type ring struct {
	sealing []sealingKey
	seals   int // position of the one that seals
	index   []indexKey
	hashes  int // position of the one that hashes
}

// newKeys uses the newest keys of each kind.
func newKeys(sealing []sealingKey, index []indexKey) *Keys {
	k := &Keys{}
	k.ring.Store(&ring{sealing, len(sealing) - 1, index, len(index) - 1})
	return k
}

// New makes fresh keys.
func New() *Keys {
	return newKeys([]sealingKey{newSealingKey(randomBytes(keySize))}, []indexKey{newIndexKey(randomBytes(keySize))})
}

// Fingerprint recognises the key file: the database keeps it and refuses another. It is the id of the index key in use,
// which the rotation of sealing keys leaves alone.
func (k *Keys) Fingerprint() KeyID {
	r := k.ring.Load()
	return r.index[r.hashes].id
}

// Seals is the sealing key in use.
func (k *Keys) Seals() KeyID {
	r := k.ring.Load()
	return r.sealing[r.seals].id
}

// Sealing lists all sealing keys, the oldest first.
func (k *Keys) Sealing() (list []KeyID) {
	for _, s := range k.ring.Load().sealing {
		list = append(list, s.id)
	}
	return list
}

// Index lists all index keys, the oldest first.
func (k *Keys) Index() (list []KeyID) {
	for _, i := range k.ring.Load().index {
		list = append(list, i.id)
	}
	return list
}

// Use puts one sealing key and one index key in use. It reports false, and changes nothing, when one is unknown.
func (k *Keys) Use(sealing, index KeyID) bool {
	r := *k.ring.Load()
	r.seals, r.hashes = sealingAt(r.sealing, sealing), indexAt(r.index, index)
	if r.seals < 0 || r.hashes < 0 {
		return false
	}
	k.ring.Store(&r)
	return true
}

// Take replaces the keys by those of a file that was read again. Those in use stay in use; a file without them is
// refused, for what they sealed would not open any more.
func (k *Keys) Take(read *Keys) bool {
	now, next := k.ring.Load(), *read.ring.Load()
	next.seals, next.hashes = sealingAt(next.sealing, now.sealing[now.seals].id), indexAt(next.index, now.index[now.hashes].id)
	if next.seals < 0 || next.hashes < 0 {
		return false
	}
	k.ring.Store(&next)
	return true
}

// WithSealing is the keys with a fresh sealing key at the end.
func (k *Keys) WithSealing() *Keys {
	r := k.ring.Load()
	return newKeys(append(slices.Clip(r.sealing), newSealingKey(randomBytes(keySize))), r.index)
}

// WithIndex is the keys with a fresh index key at the end.
func (k *Keys) WithIndex() *Keys {
	r := k.ring.Load()
	return newKeys(r.sealing, append(slices.Clip(r.index), newIndexKey(randomBytes(keySize))))
}

// Without is the keys without some of them. At least one of each kind must stay.
func (k *Keys) Without(ids ...KeyID) *Keys {
	r := k.ring.Load()
	sealing := slices.DeleteFunc(slices.Clone(r.sealing), func(s sealingKey) bool { return slices.Contains(ids, s.id) })
	index := slices.DeleteFunc(slices.Clone(r.index), func(i indexKey) bool { return slices.Contains(ids, i.id) })
	return newKeys(sealing, index)
}

func sealingAt(list []sealingKey, id KeyID) int {
	return slices.IndexFunc(list, func(s sealingKey) bool { return s.id == id })
}

func indexAt(list []indexKey, id KeyID) int {
	return slices.IndexFunc(list, func(i indexKey) bool { return i.id == id })
}
