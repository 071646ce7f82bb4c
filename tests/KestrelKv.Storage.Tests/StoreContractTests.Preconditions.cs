namespace KestrelKv.Storage.Tests;

/// <summary>All kinds of preconditions on all kinds of operations.</summary>
public abstract partial class StoreContractTests
{
    /// <summary>The version of the entry in these tests, if it exists.</summary>
    private const long EntryVersion = 2;

    public static TheoryData<OperationKind, string, bool, bool> Preconditions()
    {
        var data = new TheoryData<OperationKind, string, bool, bool>();
        foreach (OperationKind kind in Enum.GetValues<OperationKind>())
        {
            foreach (bool exists in (bool[])[false, true])
            {
                data.Add(kind, "none", exists, true);
                data.Add(kind, "absent", exists, !exists);
                data.Add(kind, "present", exists, exists);
                data.Add(kind, "version 0", exists, !exists);
                data.Add(kind, "its version", exists, exists);
                data.Add(kind, "another version", exists, false);
            }
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Preconditions))]
    public async Task ExecuteAsync_Precondition_DecidesExecution(OperationKind kind, string rule, bool exists, bool holds)
    {
        await PrepareAsync(exists);
        StoreStats before = Store.GetStats();
        Recorded result = await ExecuteOneAsync(Of(kind, rule));
        await AssertOutcomeAsync(result, before, kind, exists, holds);
    }

    [Theory]
    [MemberData(nameof(Preconditions))]
    public async Task CommitAsync_Precondition_DecidesExecution(OperationKind kind, string rule, bool exists, bool holds)
    {
        await PrepareAsync(exists);
        StoreStats before = Store.GetStats();
        bool commits = holds && (exists || kind != OperationKind.JsonPatch);
        Recorded result = commits ? Assert.Single(await CommitAsync(Of(kind, rule))) : await CommitRefusedAsync(Of(kind, rule));
        await AssertOutcomeAsync(result, before, kind, exists, holds);
    }

    [Fact]
    public async Task ExecuteAsync_FailedCompareAndSet_ContinuesWithNextOperation()
    {
        Recorded[] results = await ExecuteAsync(
            Put("a", "1", Precondition.Version(0)),
            Put("a", "2", Precondition.Version(0)),
            Put("a", "3", Precondition.Version(1)),
            Delete("a", Precondition.Version(1)),
            Get("a", Precondition.Version(2)));
        Assert.Equal(
            [
                new(0, ResultStatus.Done, 1, 0),
                new(1, ResultStatus.PreconditionFailed, 1, 1),
                new(2, ResultStatus.Done, 2, 1),
                new(3, ResultStatus.PreconditionFailed, 2, 2),
                new(4, ResultStatus.Done, 2, 2, Value: "3"),
            ],
            results);
    }

    [Fact]
    public async Task Precondition_ExpiredEntry_IsAbsent()
    {
        await ExecuteAsync(Put("a", "1", expiresAt: Now - 1), Put("b", "1", expiresAt: Now));
        Assert.Equal(ResultStatus.PreconditionFailed, (await ExecuteOneAsync(Get("a", Precondition.Present))).Status);
        Assert.Equal(ResultStatus.PreconditionFailed, (await ExecuteOneAsync(Put("a", "2", Precondition.Version(1)))).Status);
        Assert.Equal(ResultStatus.Done, (await ExecuteOneAsync(Put("b", "2", Precondition.Absent))).Status);
    }

    private async Task PrepareAsync(bool exists)
    {
        await ExecuteAsync(Put("other", "x"));
        if (exists) await ExecuteAsync(Put("a", "1"));
    }

    private Operation Of(OperationKind kind, string rule)
    {
        Precondition precondition = rule switch
        {
            "absent" => Precondition.Absent,
            "present" => Precondition.Present,
            "version 0" => Precondition.Version(0),
            "its version" => Precondition.Version(EntryVersion),
            "another version" => Precondition.Version(1),
            _ => Precondition.None,
        };
        return kind switch
        {
            OperationKind.Get => Get("a", precondition),
            OperationKind.Put => Put("a", "2", precondition),
            OperationKind.Delete => Delete("a", precondition),
            OperationKind.MergePatch => Operation.MergePatch(Utf8("a"), Utf8("2")) with { Precondition = precondition },
            OperationKind.JsonPatch =>
                JsonPatch("a", """[{"op": "replace", "path": "", "value": 2}]""") with { Precondition = precondition },
            OperationKind.Increment => Operation.Increment(Utf8("a"), Utf8("1")) with { Precondition = precondition },
            _ => Expire("a", Now + 1_000, precondition),
        };
    }

    private async Task AssertOutcomeAsync(Recorded result, StoreStats before, OperationKind kind, bool exists, bool holds)
    {
        long previous = exists ? EntryVersion : 0;
        bool creates = kind is OperationKind.Put or OperationKind.MergePatch or OperationKind.Increment;
        bool done = holds && (exists || creates);
        bool changed = done && kind != OperationKind.Get;
        string written = kind == OperationKind.Increment && !exists ? "1" : kind is OperationKind.Get or OperationKind.Expire ? "1" : "2";
        Recorded expected =
            !holds ? new(0, ResultStatus.PreconditionFailed, previous, previous) :
            !done ? new(0, kind == OperationKind.JsonPatch ? ResultStatus.PathNotFound : ResultStatus.NotFound) :
            !changed ? new(0, ResultStatus.Done, previous, previous, Value: "1") :
            new(0, ResultStatus.Done, before.Version + 1, previous,
                kind == OperationKind.Expire ? Now + 1_000 : Operation.Never, kind == OperationKind.Increment ? written : "");
        Assert.Equal(expected, result);
        Assert.Equal(before.Version + (changed ? 1 : 0), Store.GetStats().Version);

        string value = changed ? written : "1";
        bool there = kind == OperationKind.Delete ? exists && !done : exists || (creates && done);
        Recorded now = await ExecuteOneAsync(Get("a"));
        Assert.Equal(there ? (ResultStatus.Done, value) : (ResultStatus.NotFound, ""), (now.Status, now.Value));
        Assert.Equal(there ? (changed ? before.Version + 1 : previous) : 0, now.Version);
        Assert.Equal(changed && kind == OperationKind.Expire ? Now + 1_000 : Operation.Never, now.ExpiresAt);
    }
}
