using KestrelKv.Testing.Histories;

namespace KestrelKv.Server.Tests.Histories;

/// <summary>Handwritten histories. Times are whole numbers.</summary>
public sealed class LinearizabilityCheckerTests
{
    [Fact]
    public void Check_ReadAfterAWrite_MustReturnIt()
    {
        AssertLinearizable(Put(1, 0, 1, 5), Get(2, 2, 3, 5));
        AssertNot(Put(1, 0, 1, 5), Get(2, 2, 3, null));
        AssertNot(Get(2, 0, 1, 5), Put(1, 2, 3, 5));
    }

    [Fact]
    public void Check_ReadDuringAWrite_MayReturnItOrNot()
    {
        AssertLinearizable(Put(1, 0, 9, 5), Get(2, 1, 2, null), Get(2, 3, 4, 5));
        AssertLinearizable(Put(1, 0, 9, 5), Get(2, 1, 2, 5));
    }

    [Fact]
    public void Check_ReadsDuringAWrite_DoNotGoBack() =>
        AssertNot(Put(1, 0, 9, 5), Get(2, 1, 2, 5), Get(3, 3, 4, null));

    [Fact]
    public void Check_PipelinedCallsOfOneConnection_KeepTheirOrder()
    {
        AssertNot(Put(1, 0, 9, 5), Put(1, 0, 9, 6), Get(2, 10, 11, 5));
        AssertLinearizable(Put(1, 0, 9, 5), Put(2, 0, 9, 6), Get(3, 10, 11, 5));
    }

    [Fact]
    public void Check_CallWithoutReply_MayTakeEffectOrNot()
    {
        AssertLinearizable(Lost(Put(1, 0, 1, 5)), Get(2, 2, 3, null), Get(2, 4, 5, 5));
        AssertLinearizable(Lost(Put(1, 0, 1, 5)), Get(2, 2, 3, null));
        AssertNot(Lost(Put(1, 0, 1, 5)), Get(2, 2, 3, 5), Get(2, 4, 5, null));
    }

    [Fact]
    public void Check_CallWithoutReplyBeforeAKill_TakesEffectBeforeItOrNever() =>
        AssertNot(Lost(Put(1, 0, 1, 5), returned: 2), Get(2, 3, 4, null), Get(2, 5, 6, 5));

    [Fact]
    public void Check_VersionsOfCommits_IncreaseInOrder()
    {
        AssertLinearizable(Put(1, 0, 1, 5, version: 1), Put(2, 2, 3, 6, version: 2));
        AssertNot(Put(1, 0, 1, 5, version: 2), Put(2, 2, 3, 6, version: 1));
        AssertNot(Put(1, 0, 9, 5, version: 2), Put(2, 0, 9, 6, version: 1), Get(3, 10, 11, 6));
    }

    [Fact]
    public void Check_VersionInALaterRead_MatchesAWriteWithoutVersion()
    {
        AssertLinearizable(Put(1, 0, 1, 5, version: 4), Put(1, 2, 3, 6), Get(1, 4, 5, 6, version: 7));
        AssertNot(Put(1, 0, 1, 5, version: 4), Put(1, 2, 3, 6), Get(1, 4, 5, 6, version: 4));
        AssertNot(Put(1, 0, 1, 5), Get(1, 2, 3, 5, version: 2), Get(1, 4, 5, 5, version: 3));
    }

    [Fact]
    public void Check_TwoCompareAndSetsOnOneVersion_OnlyOneSucceeds()
    {
        Call first = Put(1, 0, 1, 5, version: 1);
        AssertLinearizable(first, Put(1, 2, 9, 6, version: 2, ifVersion: 1), Refused(2, 2, 9, ifVersion: 1, current: 2));
        AssertNot(first, Put(1, 2, 9, 6, version: 2, ifVersion: 1), Put(2, 2, 9, 7, version: 3, ifVersion: 1));
        AssertNot(first, Refused(2, 2, 3, ifVersion: 1, current: 1));
        AssertNot(first, Refused(2, 2, 3, ifVersion: 4, current: 3));
    }

    [Fact]
    public void Check_Batch_IsVisibleCompletelyOrNotAtAll()
    {
        AssertLinearizable(Both(1, 0, 9, 5), MGet(2, 1, 2, null, null), MGet(2, 3, 4, 5, 5));
        AssertNot(Both(1, 0, 9, 5), MGet(2, 1, 2, 5, null));
    }

    [Fact]
    public void Check_RefusedBatch_ChangesNothing()
    {
        Call batch = At(1, 2, 3, new Call(CallForm.Batch, new Step(StepKind.Put, 0, 6), new Step(StepKind.Put, 1, 6) { IfExists = true }));
        batch.Reply = new(0, []) { RefusedAt = 1 };
        AssertLinearizable(Put(1, 0, 1, 5), batch, MGet(2, 4, 5, 5, null));
        AssertNot(Put(1, 0, 1, 5), batch, MGet(2, 4, 5, 6, null));
        AssertNot(Both(1, 0, 1, 5), batch);
    }

    [Fact]
    public void Check_Increments_EachCountOnce()
    {
        AssertLinearizable(Incr(1, 0, 9, 2), Incr(2, 0, 9, 1));
        AssertNot(Incr(1, 0, 9, 1), Incr(2, 0, 9, 1));
        AssertNot(Incr(1, 0, 1, 1), Incr(2, 2, 3, 3));
    }

    private static void AssertLinearizable(params Call[] calls) => Assert.True(LinearizabilityChecker.IsLinearizable(2, calls));

    private static void AssertNot(params Call[] calls) => Assert.False(LinearizabilityChecker.IsLinearizable(2, calls));

    private static Call At(int connection, long invoked, long returned, Call call)
    {
        (call.Connection, call.Invoked, call.Returned) = (connection, invoked, returned);
        return call;
    }

    private static Call Lost(Call call, long returned = long.MaxValue)
    {
        (call.Reply, call.Returned) = (null, returned);
        return call;
    }

    private static Call Put(int connection, long invoked, long returned, long value, long? version = null, long? ifVersion = null)
    {
        Call call = At(
            connection, invoked, returned, new Call(CallForm.Unbatched, new Step(StepKind.Put, 0, value) { IfVersion = ifVersion }));
        call.Reply = new(version, [new(null, null, version)]);
        return call;
    }

    private static Call Refused(int connection, long invoked, long returned, long ifVersion, long current)
    {
        Call call = Put(connection, invoked, returned, 99, ifVersion: ifVersion);
        call.Reply = new(0, []) { RefusedAt = 0, CurrentVersion = current };
        return call;
    }

    private static Call Incr(int connection, long invoked, long returned, long sum)
    {
        Call call = At(connection, invoked, returned, new Call(CallForm.Unbatched, new Step(StepKind.Incr, 0, 1)));
        call.Reply = new(null, [new(null, sum, null)]);
        return call;
    }

    private static Call Get(int connection, long invoked, long returned, long? value, long? version = null)
    {
        Call call = At(connection, invoked, returned, new Call(CallForm.Unbatched, new Step(StepKind.Get, 0)));
        call.Reply = new(0, [new(value is not null, value, version)]);
        return call;
    }

    private static Call MGet(int connection, long invoked, long returned, params long?[] values)
    {
        Call call = At(connection, invoked, returned, new Call(CallForm.MGet, new Step(StepKind.Get, 0), new Step(StepKind.Get, 1)));
        call.Reply = new(0, [.. values.Select(value => new StepReply(value is not null, value, null))]);
        return call;
    }

    private static Call Both(int connection, long invoked, long returned, long value)
    {
        Call call = At(
            connection, invoked, returned, new Call(CallForm.Batch, new Step(StepKind.Put, 0, value), new Step(StepKind.Put, 1, value)));
        call.Reply = new(1, [new(null, null, null), new(null, null, null)]);
        return call;
    }
}
