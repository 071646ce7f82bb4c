using System.Text;
using KestrelKv.Storage.Embedded;

namespace KestrelKv.Storage.Tests.Embedded;

public sealed class PatchLimitTests
{
    [Fact]
    public async Task Commit_PatchesOfLongValue_AreLimited()
    {
        using var store = new EmbeddedStore(TimeProvider.System);
        byte[] key = "a"u8.ToArray();
        store.ExecuteAsync(new[] { Operation.Put(key, Encoding.UTF8.GetBytes($"[\"{new string('x', 4 << 20)}\"]")) }, new RecordingSink())
            .Completed();
        string adds = string.Join(',', Enumerable.Repeat("""{"op": "add", "path": "/-", "value": 1}""", 15));
        Operation patch = Operation.JsonPatch(key, Encoding.UTF8.GetBytes($"[{adds}]"));
        Assert.True(await store.CommitAsync(new[] { patch, patch, patch, patch }, new RecordingSink()));

        var refused = new RecordingSink();
        Assert.False(await store.CommitAsync(new[] { patch, patch, patch, patch, patch }, refused));
        Assert.Equal((4, ResultStatus.PatchTooLong), (Assert.Single(refused.Results).Index, refused.Results[0].Status));
        Assert.Equal(2, store.GetStats().Version);
    }
}
