namespace KestrelKv.Json;

/// <summary>
/// Applies the operations of a JSON Patch (RFC 6902) to a document in order. Each takes one or two passes over the document. Of
/// duplicate members, the last counts, so each object is read to its end.
/// </summary>
internal ref struct PatchEdit
{
    private EditedText _text;

    /// <summary>The text that a move or copy inserts.</summary>
    private PooledList<byte> _moved;
    private PooledList<Splice> _removed;
    private long _patchedBytes;
    private EditStatus _status;
    private string? _fault;

    public static EditResult Apply(
        ReadOnlySpan<byte> document, ReadOnlySpan<byte> patch, DocumentLimits limits, EditBuffer result)
    {
        var edit = new PatchEdit { _text = new EditedText(result, limits) };
        edit._text.Start(document, patch.Length);
        EditResult refused = edit.ApplyAll(patch);
        edit._moved.Dispose();
        edit._removed.Dispose();
        return refused.Status == EditStatus.Done ? new EditResult(edit._text.Finish(), PatchedBytes: edit._patchedBytes) : refused;
    }

    private EditResult ApplyAll(ReadOnlySpan<byte> patch)
    {
        var items = new ItemReader(patch, JsonScan.SkipWhiteSpace(patch, 0));
        while (items.MoveNext())
        {
            _patchedBytes += _text.Text.Length;
            if (_patchedBytes > EditResult.PatchedBytesMax) return new EditResult(EditStatus.PatchTooLong, TooLong(items.Index));
            PatchOperation operation = PatchOperation.Read(patch, items.ValueStart);
            Apply(operation);
            if (_status != EditStatus.Done) return new EditResult(_status, _fault is null ? null : Explain(operation, items.Index));
        }
        return default;
    }

    private static string TooLong(int index) =>
        $"the patch exceeds {EditResult.PatchedBytesMax / (1024 * 1024)} MiB of processed values at operation {index}: " +
        "each operation processes the whole value; split the patch, or PUT the value";

    private void Apply(scoped in PatchOperation operation)
    {
        var unescapedPath = new PooledList<byte>(stackalloc byte[256]);
        var unescapedFrom = new PooledList<byte>(stackalloc byte[256]);
        ReadOnlySpan<byte> path = Text(operation.Path, ref unescapedPath);

        if (operation.Is("add"u8)) Add(path, operation.Value);
        else if (operation.Is("remove"u8)) Remove(path);
        else if (operation.Is("replace"u8)) Replace(path, operation.Value);
        else if (operation.Is("test"u8)) Test(path, operation.Value);
        else if (operation.Is("copy"u8)) Copy(Text(operation.From, ref unescapedFrom), path);
        else Move(Text(operation.From, ref unescapedFrom), path);

        unescapedPath.Dispose();
        unescapedFrom.Dispose();
    }

    private static ReadOnlySpan<byte> Text(ReadOnlySpan<byte> quoted, ref PooledList<byte> unescaped)
    {
        if (!JsonString.IsEscaped(quoted)) return quoted[1..^1];
        JsonString.Unescape(quoted[1..^1], ref unescaped);
        return unescaped.Items;
    }

    private void Add(scoped ReadOnlySpan<byte> path, scoped ReadOnlySpan<byte> value)
    {
        Slot slot = Slot.Find(_text.Text, path);
        bool replaces = slot.Exists && (slot.IsObject || slot.Container < 0);
        if (slot.Fault is not null || !(replaces || slot.CanInsert)) Refuse(EditStatus.PathNotFound, slot.Missing);
        else if (!(replaces ? _text.TryReplace(slot, value) : _text.TryInsert(slot, default, value, default)))
            _status = EditStatus.ValueTooLong;
    }

    private void Replace(scoped ReadOnlySpan<byte> path, scoped ReadOnlySpan<byte> value)
    {
        Slot slot = Slot.Find(_text.Text, path);
        if (!slot.Exists) Refuse(EditStatus.PathNotFound, slot.Missing);
        else if (!_text.TryReplace(slot, value)) _status = EditStatus.ValueTooLong;
    }

    private void Test(scoped ReadOnlySpan<byte> path, scoped ReadOnlySpan<byte> value)
    {
        Slot slot = Slot.Find(_text.Text, path);
        if (!slot.Exists) Refuse(EditStatus.PathNotFound, slot.Missing);
        else if (!JsonEquality.Equals(_text.Text[slot.ValueStart..slot.ValueEnd], value))
            Refuse(EditStatus.TestFailed, "the value does not equal the tested value");
    }

    private void Copy(scoped ReadOnlySpan<byte> from, scoped ReadOnlySpan<byte> path)
    {
        Slot source = Slot.Find(_text.Text, from);
        if (!source.Exists)
        {
            Refuse(EditStatus.PathNotFound, NothingAt(from));
            return;
        }
        _moved.Truncate(0);
        _moved.Add(_text.Text[source.ValueStart..source.ValueEnd]);
        Add(path, _moved.Items);
    }

    private void Move(scoped ReadOnlySpan<byte> from, scoped ReadOnlySpan<byte> path)
    {
        Slot source = Slot.Find(_text.Text, from);
        if (!source.Exists) Refuse(EditStatus.PathNotFound, NothingAt(from));
        else if (!from.SequenceEqual(path))
        {
            _moved.Truncate(0);
            _moved.Add(_text.Text[source.ValueStart..source.ValueEnd]);
            Remove(source);
            Add(path, _moved.Items);
        }
    }

    private void Remove(scoped ReadOnlySpan<byte> path)
    {
        Slot slot = Slot.Find(_text.Text, path);
        if (!slot.Exists) Refuse(EditStatus.PathNotFound, slot.Missing);
        else if (slot.Container < 0) Refuse(EditStatus.PathNotFound, "a patch cannot remove the whole value; use DELETE");
        else Remove(slot);
    }

    private void Remove(scoped Slot slot)
    {
        _removed.Truncate(0);
        var items = new ItemReader(_text.Text, slot.Container);
        var removals = new Removals();
        while (items.MoveNext())
        {
            bool removed = slot.IsObject ? PointerToken.Matches(slot.Token, items.Name) : items.Index == slot.Before;
            removals.Pass(items.Extent, removed, ref _removed);
        }
        removals.End(ref _removed);
        _text.Remove(_removed.Items);
    }

    private void Refuse(EditStatus status, string fault) => (_status, _fault) = (status, fault);

    private readonly string Explain(in PatchOperation operation, int index) =>
        $"operation {index} ({PatchOperation.Shown(operation.Op)} of {PatchOperation.Shown(operation.Path)}): {_fault}";

    private static string NothingAt(ReadOnlySpan<byte> from) => $"\"from\" is {JsonPointer.Quote(from)}, where no value exists";
}
