using KestrelKv.Storage.Postgres.Writing;
using KestrelKv.Testing;

namespace KestrelKv.Storage.Postgres.Tests.Writing;

/// <summary>Failures of the loop itself.</summary>
public sealed class GroupLoopTests
{
    [Fact]
    public async Task Execute_WorkspaceCannotBeCreated_FailsTheGroupAndContinues()
    {
        int attempts = 0;
        await using var loop = new GroupLoop(
            () => ++attempts == 1
                ? throw new InsufficientMemoryException() : new Workspace(new() { ConnectionString = "", Schema = "test" }),
            (group, _) =>
            {
                foreach (StoreCall call in group) call.Complete();
                return Task.CompletedTask;
            });
        await Assert.ThrowsAsync<InsufficientMemoryException>(ExecuteAsync);
        await ExecuteAsync();
        Assert.Equal(2, attempts);

        async Task ExecuteAsync()
        {
            using var call = new SweepCall();
            loop.Queue.Add(call);
            await call.Completion.WaitAsync(Wait.Patience);
        }
    }
}
