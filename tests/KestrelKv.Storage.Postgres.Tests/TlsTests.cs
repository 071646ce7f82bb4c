using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests;

/// <summary>TLS with a verified certificate, also with several hosts.</summary>
public sealed class TlsTests(PostgresServer server) : IClassFixture<PostgresServer>, IAsyncLifetime, IDisposable
{
    private readonly TestAuthority _authority = new();
    private readonly int _absent = FreePort.FindFixed();

    public Task InitializeAsync() => server.EnableTlsAsync(_authority.IssueServer());

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose() => _authority.Dispose();

    [Fact]
    public async Task OpenAsync_VerifyFull_EncryptsAllSessions()
    {
        await using PostgresStore store = await OpenAsync(_authority.RootFile);
        await store.PutAsync("a", "1");
        Assert.Null(await store.CheckAsync());
        Assert.Equal(
            true,
            await server.QueryAsync(
                "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name LIKE 'kestrelkv%'"));
    }

    [Fact]
    public async Task OpenAsync_CertificateOfAnotherAuthority_SaysSoInOneLine()
    {
        using var other = new TestAuthority("other");
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => OpenAsync(other.RootFile));
        Assert.Contains($"127.0.0.1:{server.Port} does not answer (The remote certificate", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public async Task OpenAsync_MissingRootFile_NamesIt()
    {
        var e = await Assert.ThrowsAsync<StoreUnavailableException>(() => OpenAsync(_authority.PathTo("absent.pem")));
        Assert.Contains("absent.pem", e.Message, StringComparison.Ordinal);
    }

    private Task<PostgresStore> OpenAsync(string root) => Calls.OpenAsync(
        $"Host=127.0.0.1:{_absent},127.0.0.1:{server.Port};Username=postgres;Database=postgres;SSL Mode=VerifyFull;Root Certificate={root}",
        PostgresServer.NewSchema());
}
