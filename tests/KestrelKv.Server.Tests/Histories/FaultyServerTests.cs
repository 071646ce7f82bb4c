using KestrelKv.Testing;
using KestrelKv.Testing.Histories;

namespace KestrelKv.Server.Tests.Histories;

/// <summary>Checks the checker: it must accept a server without a fault, and detect each fault.</summary>
public sealed class FaultyServerTests
{
    private const int Histories = 300;
    private const int Keys = 2;

    [Fact]
    public void Check_ServerWithoutAFault_Passes() => Seeds.Run(random =>
    {
        for (int i = 0; i < Histories; i++)
        {
            List<Call> calls = FaultyServer.Record(Fault.None, Keys, random);
            Assert.True(LinearizabilityChecker.IsLinearizable(Keys, calls), string.Join('\n', calls));
        }
    });

    /// <summary>Not every history exposes the fault. Of some hundreds, far more than one does.</summary>
    [Theory]
    [InlineData(Fault.StaleRead)]
    [InlineData(Fault.LostUpdate)]
    [InlineData(Fault.TornBatch)]
    [InlineData(Fault.HalfBatch)]
    [InlineData(Fault.IgnoredPrecondition)]
    [InlineData(Fault.DoneTwice)]
    [InlineData(Fault.EarlyReply)]
    [InlineData(Fault.VersionGivenTwice)]
    public void Check_FaultyServer_IsDetected(Fault fault) => Seeds.Run(random =>
    {
        int refused = Enumerable.Range(0, Histories)
            .Count(_ => !LinearizabilityChecker.IsLinearizable(Keys, FaultyServer.Record(fault, Keys, random)));
        Assert.True(refused > Histories / 20, $"{refused} of {Histories} histories were refused");
    });
}
