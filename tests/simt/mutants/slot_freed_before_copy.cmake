# The source is given back before it has been copied from.
set(expect value,state,contract)
edit(fault.hpp
  [=[begin_copy(answer.source);]=]
  [=[begin_copy(answer.source);
                finish_answer(cache_, slot_);
                slot_taken_ = false;]=])
