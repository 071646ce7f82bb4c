using System.Text;
using KestrelKv.Client.Requests;

namespace KestrelKv.Client.Tests.Requests;

public sealed class RequestSlotsTests
{
    [Fact]
    public void Take_ReturnedSlot_HasTheSameIdAndTheNextSequence()
    {
        var slots = new RequestSlots();
        RequestSlot first = slots.Take(), second = slots.Take();
        Assert.NotEqual(Text(first), Text(second));
        Assert.Equal((1, 1), (first.Sequence, second.Sequence));
        slots.Return(first);
        RequestSlot again = slots.Take();
        Assert.Equal((Text(first), 2L), (Text(again), again.Sequence));
        Assert.Equal(1, slots.Take().Sequence);
    }

    [Fact]
    public void Take_TwoClients_ShareNoId() => Assert.NotEqual(Text(new RequestSlots().Take()), Text(new RequestSlots().Take()));

    [Fact]
    public void Return_None_IsIgnored()
    {
        var slots = new RequestSlots();
        slots.Return(default);
        Assert.False(slots.Take().IsNone);
    }

    private static string Text(RequestSlot slot) => Encoding.ASCII.GetString(slot.Id);
}
