namespace KestrelKv.Json;

/// <summary>
/// Merges a JSON Merge Patch (RFC 7396) into a document. The changes are collected object by object, with a list of pairs instead of
/// recursion. Then the new document is written in one pass.
/// </summary>
internal ref struct MergeEdit
{
    private readonly ReadOnlySpan<byte> _document;
    private readonly ReadOnlySpan<byte> _patch;
    private PooledList<Splice> _splices;
    private PooledList<(int Document, int Patch)> _pairs;
    private PooledList<ContainerEnd> _documentEnds;
    private PooledList<ContainerEnd> _patchEnds;
    private bool _nested;

    private MergeEdit(ReadOnlySpan<byte> document, ReadOnlySpan<byte> patch, Span<Splice> splices, Span<(int, int)> pairs)
    {
        _document = document;
        _patch = patch;
        _splices = new PooledList<Splice>(splices);
        _pairs = new PooledList<(int, int)>(pairs);
    }

    /// <summary>Merges a patch into a document, which is empty for a missing key.</summary>
    public static EditResult Apply(
        ReadOnlySpan<byte> document, ReadOnlySpan<byte> patch, DocumentLimits limits, EditBuffer result)
    {
        var edit = new MergeEdit(document, patch, stackalloc Splice[8], stackalloc (int, int)[8]);
        edit.MergeAll();
        var writer = new MergeWriter(document, patch, limits, result);
        EditStatus status = writer.Write(edit._splices.Items);
        edit.Dispose();
        return new EditResult(status);
    }

    private void MergeAll()
    {
        int start = JsonScan.SkipWhiteSpace(_document, 0), patchStart = JsonScan.SkipWhiteSpace(_patch, 0);
        if (start == _document.Length)
            _splices.Add(new Splice(0, start) { Value = (patchStart, JsonScan.SkipValue(_patch, patchStart)) });
        else if (_document[start] == '{' && _patch[patchStart] == '{') _pairs.Add((start, patchStart));
        else
            _splices.Add(new Splice(start, JsonScan.SkipValue(_document, start))
            {
                Value = (patchStart, JsonScan.SkipValue(_patch, patchStart)),
            });

        while (_pairs.Count > 0) Merge(_pairs.TakeLast());
        _splices.Items.Sort();
    }

    private void Merge((int Document, int Patch) pair)
    {
        var index = new MemberIndex(_patch, pair.Patch, _patchEnds.Items, stackalloc Member[8]);
        var items = new ItemReader(_document, pair.Document, _documentEnds.Items);
        var removals = new Removals();
        while (items.MoveNext())
        {
            int found = index.Find(items.Name);
            if (found >= 0) index.Members[found].Match = (items.ValueStart, items.ValueEnd);
            removals.Pass(items.Extent, found >= 0 && IsNull(index.Members[found]), ref _splices);
        }
        removals.End(ref _splices);

        bool comma = removals.AnyKept;
        foreach (ref readonly Member member in index.Members)
        {
            if (IsNull(member)) continue;
            if (member.Match.End > 0) Change(member);
            else
            {
                Add(member, items.ValueEnd, comma);
                comma = true;
            }
        }
        index.Dispose();
    }

    private readonly bool IsNull(in Member member) => _patch[member.Value.Start] == 'n';

    private void Change(in Member member)
    {
        if (_document[member.Match.Start] != '{' || _patch[member.Value.Start] != '{')
        {
            _splices.Add(new Splice(member.Match.Start, member.Match.End) { Value = member.Value });
            return;
        }
        _pairs.Add((member.Match.Start, member.Value.Start));
        if (_nested) return;
        _nested = true;
        ContainerEnd.AddAll(_document, ref _documentEnds);
        ContainerEnd.AddAll(_patch, ref _patchEnds);
    }

    private void Add(in Member member, int at, bool comma) =>
        _splices.Add(new Splice(at, at) { Order = _splices.Count, Comma = comma, Name = member.Name, Value = member.Value });

    public void Dispose()
    {
        _splices.Dispose();
        _pairs.Dispose();
        _documentEnds.Dispose();
        _patchEnds.Dispose();
    }
}
