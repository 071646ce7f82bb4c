using KestrelKv.Cli.Scanning;
using KestrelKv.Cli.Tests.Transfer;
using KestrelKv.Client;

namespace KestrelKv.Cli.Tests.Scanning;

/// <summary>The server of these tests acknowledges writes before watches see them.</summary>
public sealed class LastVersionTests(TransferFixture fixture) : IClassFixture<TransferFixture>
{
    /// <summary>A page lacks an entry as soon as it is removed, so the end of an export must not precede the removal.</summary>
    [Fact]
    public async Task LastVersion_AfterARemoval_IsNotLower()
    {
        await using KestrelKvClient client = StoreCopy.Connect(fixture.Source);
        byte[] prefix = "\"last:\""u8.ToArray();
        for (int i = 0; i < 200; i++)
        {
            await client.PutAsync("last:1", i);
            WriteResult removed = await client.DeleteAsync("last:1");
            Assert.InRange(await ScanPages.LastVersionAsync(client, prefix, default), removed.Version, long.MaxValue);
        }
    }
}
