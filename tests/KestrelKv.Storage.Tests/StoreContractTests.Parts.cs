namespace KestrelKv.Storage.Tests;

/// <summary>Operations on parts of values.</summary>
public abstract partial class StoreContractTests
{
    [Fact]
    public async Task Get_Path_ReturnsExactTextOfPart()
    {
        await ExecuteAsync(Put("a", """{"n": [1.0, {"x":  "y"}]}"""));
        Assert.Equal(
            new(0, ResultStatus.Done, 1, 1, Value: """{"x":  "y"}"""), await ExecuteOneAsync(Get("a") with { Path = Utf8("/n/1") }));
        Assert.Equal(new(0, ResultStatus.PathNotFound, 1, 1), await ExecuteOneAsync(Get("a") with { Path = Utf8("/n/2") }));
        Assert.Equal(new(0, ResultStatus.NotFound), await ExecuteOneAsync(Get("b") with { Path = Utf8("/n") }));
    }

    [Fact]
    public async Task Get_MissingPathInBatch_DoesNotRefuseBatch()
    {
        await ExecuteAsync(Put("a", "{}"));
        Recorded[] results = await CommitAsync(Get("a") with { Path = Utf8("/n") }, Put("b", "1"));
        Assert.Equal([ResultStatus.PathNotFound, ResultStatus.Done], results.Select(result => result.Status));
    }

    [Fact]
    public async Task Edits_InSequence_ChangeOnlyTheirPart()
    {
        Recorded[] results = await ExecuteAsync(
            Put("a", """{ "n": 1, "keep": 1.0 }"""),
            Operation.PutAt(Utf8("a"), Utf8("/n"), Utf8("5")),
            Operation.Increment(Utf8("a"), Utf8("2")) with { Path = Utf8("/n") },
            Operation.MergePatch(Utf8("a"), Utf8("""{"m": [ ]}""")),
            JsonPatch("a", """[{"op": "test", "path": "/n", "value": 7}, {"op": "remove", "path": "/n"}]"""),
            Get("a"));
        Assert.Equal("7", results[2].Value);
        Assert.Equal([1, 2, 3, 4, 5, 5], results.Select(result => result.Version));
        Assert.Equal("""{ "keep": 1.0,"m":[ ] }""", results[5].Value);
    }

    [Theory]
    [InlineData("/x/y", ResultStatus.PathNotFound)]
    [InlineData("/text", ResultStatus.NotANumber)]
    [InlineData("/large", ResultStatus.NumberOverflow)]
    public async Task Edit_Refused_ChangesNothing(string path, ResultStatus status)
    {
        const string Value = """{"text": "t", "x": 1, "large": 9223372036854775807}""";
        await ExecuteAsync(Put("a", Value));
        Operation edit = Operation.Increment(Utf8("a"), Utf8("1")) with { Path = Utf8(path) };
        Assert.Equal(new(0, status, 1, 1), await ExecuteOneAsync(edit));
        Assert.Equal(new(1, status, 1, 1), await CommitRefusedAsync(Put("b", "1"), edit, Put("c", "1")));
        Assert.Equal(new(0, ResultStatus.Done, 1, 1, Value: Value), await ExecuteOneAsync(Get("a")));
        AssertStats(keys: 1, bytes: 1 + Value.Length, version: 1);
    }

    [Fact]
    public async Task JsonPatch_FailedTest_ChangesNothing()
    {
        await ExecuteAsync(Put("a", "[1]"));
        Assert.Equal(
            new(0, ResultStatus.TestFailed, 1, 1),
            await ExecuteOneAsync(
                JsonPatch("a", """[{"op": "add", "path": "/-", "value": 2}, {"op": "test", "path": "/0", "value": 2}]""")));
        Assert.Equal("[1]", (await ExecuteOneAsync(Get("a"))).Value);
    }

    [Fact]
    public async Task Edits_ExistingExpiry_IsKeptUnlessReplaced()
    {
        long expiresAt = Now + 10_000;
        Operation increment = Operation.Increment(Utf8("a"), Utf8("1"));
        await ExecuteAsync(Put("a", "1", expiresAt: expiresAt));
        Assert.Equal(expiresAt, (await ExecuteOneAsync(increment)).ExpiresAt);
        Assert.Equal(expiresAt + 1, (await ExecuteOneAsync(increment.WithExpiry(expiresAt + 1))).ExpiresAt);
        Assert.Equal(expiresAt + 1, (await ExecuteOneAsync(Get("a"))).ExpiresAt);
        Assert.Equal(Operation.Never, (await ExecuteOneAsync(increment.WithExpiry(Operation.Never))).ExpiresAt);
        Assert.Equal(new(0, ResultStatus.Done, 4, 4, Value: "4"), await ExecuteOneAsync(Get("a")));
    }

    [Fact]
    public async Task Increment_ExpiredEntry_StartsFromZero()
    {
        await ExecuteAsync(Put("a", "5", expiresAt: Now));
        Assert.Equal(new(0, ResultStatus.Done, 3, 0, Value: "1"), await ExecuteOneAsync(Operation.Increment(Utf8("a"), Utf8("1"))));
    }

    [Fact]
    public async Task CommitAsync_EditsOfOneKey_SeeEachOther()
    {
        await ExecuteAsync(Put("a", "1", expiresAt: Now + 1_000));
        Operation increment = Operation.Increment(Utf8("a"), Utf8("1"));
        Recorded[] results = await CommitAsync(
            increment with { ReturnsOld = true }, increment, Get("a"), Delete("a"), increment, Expire("a", Now + 5), increment, Get("a"));
        Assert.Equal(
            [
                new(0, ResultStatus.Done, 2, 1, Now + 1_000, "2", "1"),
                new(1, ResultStatus.Done, 2, 2, Now + 1_000, "3"),
                new(2, ResultStatus.Done, 2, 2, Now + 1_000, "3"),
                new(3, ResultStatus.Done, 2, 2),
                new(4, ResultStatus.Done, 2, 0, Operation.Never, "1"),
                new(5, ResultStatus.Done, 2, 2, Now + 5),
                new(6, ResultStatus.Done, 2, 2, Now + 5, "2"),
                new(7, ResultStatus.Done, 2, 2, Now + 5, "2"),
            ],
            results);
    }

    [Fact]
    public async Task Writes_ReturnsOld_ReturnOldValue()
    {
        Recorded[] results = await ExecuteAsync(
            Put("a", "1") with { ReturnsOld = true },
            Put("a", "22") with { ReturnsOld = true },
            Operation.MergePatch(Utf8("a"), Utf8("{}")) with { ReturnsOld = true },
            Delete("a") with { ReturnsOld = true },
            Delete("a") with { ReturnsOld = true });
        Assert.Equal(["", "1", "22", "{}", ""], results.Select(result => result.OldValue));
    }
}
