package exchange

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"heliograph/sim/control"
)

// Bounds of one answer.
const (
	maxFound   = 1000
	maxChanges = 512 // as MS-OXWSSYNC has it
)

// number reads a whole number.
func number(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil
}

// getFolder tells a folder's counts.
func (s *Server) getFolder(m *mailbox, operation *node) control.Reply {
	f, wrong := m.only(operation.find("FolderIds"))
	return reply("GetFolder", wrong, func(w *writer) {
		w.raw(`<m:Folders><t:Folder>`)
		w.id("t:FolderId", m.folderID(f), m.change)
		w.element("t:DisplayName", strings.ToUpper(string(f[:1]))+string(f[1:]))
		w.element("t:TotalCount", strconv.Itoa(len(m.in(f))))
		w.element("t:UnreadCount", strconv.Itoa(m.unread(f)))
		w.raw(`</t:Folder></m:Folders>`)
	})
}

// only is the one folder of a list.
func (m *mailbox) only(ids *node) (Folder, *refusal) {
	if len(ids.children()) != 1 {
		return "", &refusal{"ErrorFolderNotFound", "This simulator answers for one folder at a time."}
	}
	return m.folder(ids.kids[0])
}

// findItem lists the newest items of a folder.
func (s *Server) findItem(m *mailbox, operation *node) control.Reply {
	f, wrong := m.only(operation.find("ParentFolderIds"))
	view := operation.find("IndexedPageItemView")
	limit, ok := number(view.attr("MaxEntriesReturned"))
	if !ok || limit <= 0 || limit > maxFound {
		limit = maxFound
	}
	offset, _ := number(view.attr("Offset"))
	return reply("FindItem", wrong, func(w *writer) {
		all := m.in(f)
		from := min(max(offset, 0), len(all))
		page := all[from:min(from+limit, len(all))]
		fmt.Fprintf(w, `<m:RootFolder IndexedPagingOffset="%d" TotalItemsInView="%d" IncludesLastItemInRange="%t"><t:Items>`,
			from+len(page), len(all), from+len(page) == len(all))
		for _, it := range page {
			w.item(it)
		}
		w.raw(`</t:Items></m:RootFolder>`)
	})
}

// item writes what a list of mails shows.
func (w *writer) item(it *item) {
	element := "t:Message"
	if it.folder == Calendar {
		element = "t:CalendarItem"
	}
	w.raw("<" + element + ">")
	w.id("t:ItemId", it.id, it.changed)
	w.element("t:Subject", it.subject)
	w.element("t:DateTimeReceived", it.received.UTC().Format("2006-01-02T15:04:05Z"))
	if it.folder == Inbox {
		w.raw(`<t:From><t:Mailbox>`)
		w.element("t:Name", it.from)
		w.raw(`</t:Mailbox></t:From>`)
		w.element("t:IsRead", strconv.FormatBool(it.read))
	}
	w.raw("</" + element + ">")
}

// getItem gives one item; several are answered by the first that is missing.
func (s *Server) getItem(m *mailbox, operation *node) control.Reply {
	var found []*item
	var wrong *refusal
	for _, id := range operation.find("ItemIds").children() {
		it := m.byID(id.attr("Id"))
		if it == nil {
			wrong = &refusal{"ErrorItemNotFound", "The specified object was not found in the store."}
			break
		}
		found = append(found, it)
	}
	return reply("GetItem", wrong, func(w *writer) {
		w.raw(`<m:Items>`)
		for _, it := range found {
			w.item(it)
		}
		w.raw(`</m:Items>`)
	})
}

func (m *mailbox) byID(id string) *item {
	for _, it := range m.items {
		if it.id == id && !it.deleted {
			return it
		}
	}
	return nil
}

// syncFolderItems tells what changed since a sync state: none = everything there is.
func (s *Server) syncFolderItems(m *mailbox, operation *node) control.Reply {
	f, wrong := m.only(operation.find("SyncFolderId"))
	since, ok := m.sinceState(f, operation.find("SyncState").content())
	if wrong == nil && !ok {
		wrong = &refusal{"ErrorInvalidSyncStateData", "The synchronization state is corrupt."}
	}
	limit, ok := number(operation.find("MaxChangesReturned").content())
	if !ok || limit < 1 || limit > maxChanges {
		limit = maxChanges
	}
	return reply("SyncFolderItems", wrong, func(w *writer) {
		changes, now, last := m.changes(f, since, limit)
		w.element("m:SyncState", m.stateAt(f, now))
		w.element("m:IncludesLastItemInRange", strconv.FormatBool(last))
		w.raw(`<m:Changes>`)
		for _, it := range changes {
			w.change(it, since)
		}
		w.raw(`</m:Changes>`)
	})
}

// changes are the items that changed after since, oldest change first; now is the state that they lead to.
func (m *mailbox) changes(f Folder, since uint64, limit int) (changed []*item, now uint64, last bool) {
	byChange := map[uint64]*item{}
	for _, it := range m.items {
		if it.folder == f && it.changed > since {
			byChange[it.changed] = it
		}
	}
	for now = since; now < m.change; now++ {
		it := byChange[now+1]
		if it != nil && len(changed) == limit {
			return changed, now, false
		}
		if it != nil {
			changed = append(changed, it)
		}
	}
	return changed, now, true
}

// change writes one change as a client that was at since sees it.
func (w *writer) change(it *item, since uint64) {
	fresh := it.created > since
	switch {
	case it.deleted && fresh: // it never saw it
	case it.deleted:
		w.raw(`<t:Delete>`)
		w.id("t:ItemId", it.id, it.changed)
		w.raw(`</t:Delete>`)
	case fresh:
		w.raw(`<t:Create>`)
		w.item(it)
		w.raw(`</t:Create>`)
	default:
		w.raw(`<t:ReadFlagChange>`)
		w.id("t:ItemId", it.id, it.changed)
		w.element("t:IsRead", strconv.FormatBool(it.read))
		w.raw(`</t:ReadFlagChange>`)
	}
}

// stateAt is opaque to clients: the folder and a change.
func (m *mailbox) stateAt(f Folder, change uint64) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s %d", m.folderID(f), change))
}

func (m *mailbox) sinceState(f Folder, state string) (change uint64, ok bool) {
	if state == "" {
		return 0, true
	}
	raw, err := base64.StdEncoding.DecodeString(state)
	if err != nil {
		return 0, false
	}
	folder, text, _ := strings.Cut(string(raw), " ")
	change, err = strconv.ParseUint(text, 10, 64)
	return change, err == nil && folder == m.folderID(f) && change <= m.change
}
