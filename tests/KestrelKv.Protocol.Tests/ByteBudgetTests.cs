using KestrelKv.Testing;

namespace KestrelKv.Protocol.Tests;

public sealed class ByteBudgetTests
{
    private readonly ByteBudget _budget = new(100, TimeProvider.System);

    [Fact]
    public void TryTake_MoreThanIsLeft_TakesNothing()
    {
        Assert.True(_budget.TryTake(60));
        Assert.False(_budget.TryTake(41));
        Assert.Equal(60, _budget.Taken);
        Assert.False(_budget.IsExhausted);
        Assert.True(_budget.TryTake(40));
        Assert.True(_budget.IsExhausted);
    }

    [Fact]
    public void TryTake_MoreThanBudget_SucceedsWhenNothingIsTaken()
    {
        Assert.True(_budget.TryTake(1_000));
        Assert.False(_budget.TryTake(1));
        _budget.Return(1_000);
        Assert.True(_budget.TryTake(1));
        Assert.False(_budget.TryTake(1_000));
    }

    [Fact]
    public async Task TakeAsync_OtherWaiters_IsServedInOrder()
    {
        _budget.Take(100);
        Task<bool> large = _budget.TakeAsync(80, Wait.Patience).AsTask();
        Task<bool> small = _budget.TakeAsync(10, Wait.Patience).AsTask();
        Assert.True(_budget.HasWaiters);
        _budget.Return(50);

        // The small request fits, but serving it first could starve the large one.
        Assert.False(_budget.TryTake(1));
        Assert.False(small.IsCompleted);
        _budget.Return(50);
        Assert.True(await large.WaitAsync(Wait.Patience));
        Assert.True(await small.WaitAsync(Wait.Patience));
        Assert.Equal(90, _budget.Taken);
        Assert.False(_budget.HasWaiters);
    }

    [Fact]
    public async Task TakeAsync_Timeout_TakesNothing()
    {
        _budget.Take(100);
        Assert.False(await _budget.TakeAsync(10, TimeSpan.FromMilliseconds(1)));
        Assert.False(_budget.HasWaiters);
        Assert.Equal(100, _budget.Taken);
    }

    [Fact]
    public async Task TakeAsync_Canceled_TakesNothingAndServesNextWaiter()
    {
        _budget.Take(50);
        using var cancel = new CancellationTokenSource();
        Task<bool> large = _budget.TakeAsync(80, Wait.Patience, cancel.Token).AsTask();
        Task<bool> small = _budget.TakeAsync(10, Wait.Patience).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => large);
        Assert.True(await small.WaitAsync(Wait.Patience));
        Assert.Equal(60, _budget.Taken);
    }

    [Fact]
    public async Task TakeAndReturn_Concurrently_NeverExceedsBudgetOrLosesBytes()
    {
        long most = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(async () =>
        {
            var random = new Random(i);
            for (int round = 0; round < 500; round++)
            {
                int bytes = random.Next(1, 101);
                bool taken = await _budget.TakeAsync(bytes, random.Next(10) == 0 ? TimeSpan.FromTicks(1) : Wait.Patience);
                most = Math.Max(Volatile.Read(ref most), _budget.Taken);
                if (taken) _budget.Return(bytes);
            }
        })));
        Assert.Equal(0, _budget.Taken);
        Assert.InRange(most, 1, 100);
    }

    [Fact]
    public void ResetPeak_AfterReturn_ReturnsPeakAndResets()
    {
        _budget.Take(70);
        _budget.Return(60);
        Assert.Equal(70, _budget.ResetPeak());
        Assert.Equal(10, _budget.ResetPeak());
    }
}
