namespace KestrelKv.Json.Tests;

public sealed class AllocationTests
{
    private const int Rounds = 10_000;

    private static readonly byte[] Document =
        """{"id":7,"name":"a name","counts":{"views":10,"likes":3},"tags":["a","b"],"score":4.5}"""u8.ToArray();

    private static readonly Func<EditBuffer, EditResult>[] Edits =
    [
        result => DocumentEdit.Increment(Document, "/counts/views"u8, "1"u8, DocumentLimits.Default, result),
        result => DocumentEdit.Increment(Document, "/counts/new"u8, "0.5"u8, DocumentLimits.Default, result),
        result => DocumentEdit.Put(Document, "/na~0me"u8, "\"b\""u8, DocumentLimits.Default, result),
        result => DocumentEdit.Merge(
            Document, """{"name":null,"counts":{"likes":4},"n\u0065w":{"a":null}}"""u8, DocumentLimits.Default, result),
        result => DocumentEdit.Patch(
            Document, """[{"op":"test","path":"/id","value":7.0},{"op":"move","from":"/name","path":"/tags/0"}]"""u8,
            DocumentLimits.Default, result),
    ];

    [Fact]
    public void Edit_SmallDocument_AllocatesNothing()
    {
        var result = new EditBuffer();
        foreach (var edit in Edits) ApplyOften(edit, result);

        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var edit in Edits) ApplyOften(edit, result);
        // The runtime may allocate a little on any thread.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Rounds);
    }

    private static void ApplyOften(Func<EditBuffer, EditResult> edit, EditBuffer result)
    {
        // An assertion would allocate.
        int done = 0;
        for (int i = 0; i < Rounds; i++)
        {
            result.Clear();
            if (edit(result).Status == EditStatus.Done) done++;
        }
        Assert.Equal(Rounds, done);
    }
}
