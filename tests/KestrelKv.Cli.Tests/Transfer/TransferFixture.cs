using KestrelKv.Testing;

namespace KestrelKv.Cli.Tests.Transfer;

/// <summary>Two servers for the tests of a class, which use prefixes of their own.</summary>
public sealed class TransferFixture : IAsyncLifetime
{
    public ServerProcess Source { get; private set; } = null!;

    public ServerProcess Target { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Source = await ServerProcess.StartAsync(["Data:Durability=EverySec"]);
        Target = await ServerProcess.StartAsync(["Data:Durability=EverySec"]);
    }

    public async Task DisposeAsync()
    {
        await Source.DisposeAsync();
        await Target.DisposeAsync();
    }
}
